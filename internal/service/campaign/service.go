package campaign

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	campaignv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/internal/token"
	scoped "github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Dependencies are what the service stands on.
type Dependencies struct {
	// Scope runs the SQL inside a campaign, and across them for operators.
	Scope *scoped.Scope
	// Pool is the scope's. A list reads many campaigns in one round trip, each inside its own scope.
	Pool *pgxpool.Pool
	// Engine makes those scopes; nil takes PostgreSQL's, as Scope does.
	Engine scoped.Engine
	// Loads returns what campaigns have running, such as Admission.Loads; nil reports nothing.
	Loads func() []scoped.Load
	// Capacity is how many statements may run at once in this process, for the share of the pool. 0 reports no share.
	Capacity int
}

// Service holds the rules of campaigns. It is safe for concurrent use.
type Service struct {
	repository repository
	loads      func() []scoped.Load
	capacity   int
}

// NewService returns the service.
func NewService(d Dependencies) *Service {
	s := &Service{
		repository: repository{scope: d.Scope, pool: d.Pool, engine: d.Engine},
		loads:      d.Loads, capacity: d.Capacity,
	}
	if s.repository.engine == nil {
		s.repository.engine = scoped.PostgreSQL{}
	}
	return s
}

// within runs fn where the campaign that the request means can be seen: inside its
// scope when the token holds it, and by a crossing when the caller is an operator.
func (s *Service) within(ctx context.Context, requested int64, doing string, o database.TxOptions, fn func(ctx context.Context, db database.Querier, id int64) error) error {
	identity, err := token.FromContext(ctx)
	if err != nil {
		return err
	}
	id, err := scoped.NewID(requested)
	if requested == 0 || identity.Role != token.Operator || identity.Holds(id) {
		if id, err = identity.Campaign(requested); err == nil {
			return fn(scoped.NewContext(ctx, id), s.repository.scope, id.Int64())
		}
	}
	if err != nil {
		return err
	}
	return s.repository.across(ctx, reason(identity, doing+" campaign "+id.String()), o, func(ctx context.Context, db database.Querier) error {
		return fn(ctx, db, id.Int64())
	})
}

// reason is what the audit says of a crossing. A subject is at most 100 characters long.
func reason(i token.Identity, doing string) string {
	return "operator " + i.Subject + " (token " + i.TokenID + "): " + doing
}

var (
	reads  = database.TxOptions{ReadOnly: true}
	writes = database.TxOptions{}
)

// Get returns one campaign.
func (s *Service) Get(ctx context.Context, requested int64) (*campaignv1.Campaign, error) {
	var found row
	err := s.within(ctx, requested, "get", reads, func(ctx context.Context, db database.Querier, id int64) (err error) {
		found, err = s.repository.get(ctx, db, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found.message()
}

// List returns a page of the token's campaigns, or of all for an operator, by
// ascending id, and the token of the next page.
func (s *Service) List(ctx context.Context, everything bool, status string, size int, pageToken string) ([]*campaignv1.Campaign, string, error) {
	identity, err := token.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	if everything && identity.Role != token.Operator {
		return nil, "", &fault.Error{Kind: fault.Denied, Field: "all", Message: "needs a token of the role operator"}
	}
	after, err := openPage(everything, status, pageToken)
	if err != nil {
		return nil, "", err
	}
	rows, last, err := s.page(ctx, identity, everything, after, status, size)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if last != 0 {
		next = closePage(everything, status, last)
	}
	page := make([]*campaignv1.Campaign, len(rows))
	for i, r := range rows {
		if page[i], err = r.message(); err != nil {
			return nil, "", err
		}
	}
	return page, next, nil
}

// page reads a page; last is the id that the next one begins after, 0 at the end.
func (s *Service) page(ctx context.Context, identity token.Identity, everything bool, after int64, status string, size int) (rows []row, last int64, err error) {
	if everything {
		err = s.repository.across(ctx, reason(identity, "list campaigns"), reads, func(ctx context.Context, db database.Querier) (err error) {
			rows, err = s.repository.list(ctx, db, after, status, size+1)
			return err
		})
		rows, more := wire.Cut(rows, size)
		if more {
			last = rows[len(rows)-1].ID
		}
		return rows, last, err
	}
	from, found := slices.BinarySearch(identity.Campaigns, scoped.ID(after))
	if found {
		from++
	}
	ids := identity.Campaigns[from:]
	if len(ids) == 0 {
		return nil, 0, nil
	}
	if len(ids) > size {
		ids = ids[:size]
		last = ids[size-1].Int64()
	}
	rows, err = s.repository.getEach(ctx, ids, status)
	return rows, last, err
}

// The list of campaigns belongs to no campaign, so its page tokens are not bound
// to one: they say no more than after which id to go on, and open nothing.
func closePage(everything bool, status string, last int64) string {
	return "c1." + strconv.FormatBool(everything) + "." + status + "." + strconv.FormatInt(last, 10)
}

func openPage(everything bool, status, pageToken string) (int64, error) {
	if pageToken == "" {
		return 0, nil
	}
	digits, ours := strings.CutPrefix(pageToken, "c1."+strconv.FormatBool(everything)+"."+status+".")
	if !ours {
		return 0, wire.BadPage()
	}
	id, err := scoped.ParseID(digits)
	if err != nil {
		return 0, wire.BadPage()
	}
	return id.Int64(), nil
}

// Create makes a campaign. The caller's role has been judged.
func (s *Service) Create(ctx context.Context, r *campaignv1.CreateCampaignRequest) (*campaignv1.Campaign, error) {
	identity, err := token.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	metadata, err := wire.Metadata("metadata", r.GetMetadata())
	if err != nil {
		return nil, err
	}
	wanted := limitsOf(r.GetLimits())
	wanted.Slug, wanted.Name, wanted.Metadata = r.GetSlug(), r.GetName(), metadata
	var made row
	err = s.repository.across(ctx, reason(identity, "create campaign "+r.GetSlug()), writes, func(ctx context.Context, db database.Querier) (err error) {
		made, err = s.repository.create(ctx, db, wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made.message()
}

// Update changes name and metadata.
func (s *Service) Update(ctx context.Context, r *campaignv1.UpdateCampaignRequest) (*campaignv1.Campaign, error) {
	metadata, err := wire.OptionalMetadata("metadata", r.GetMetadata())
	if err != nil {
		return nil, err
	}
	var changed row
	err = s.within(ctx, r.GetCampaignId(), "update", writes, func(ctx context.Context, db database.Querier, id int64) (err error) {
		changed, err = s.repository.update(ctx, db, id, r.GetVersion(), r.Name, metadata)
		return err
	})
	if err != nil {
		return nil, err
	}
	return changed.message()
}

// SetLimits replaces the limits.
func (s *Service) SetLimits(ctx context.Context, r *campaignv1.SetCampaignLimitsRequest) (*campaignv1.Campaign, error) {
	var changed row
	err := s.within(ctx, r.GetCampaignId(), "set limits of", writes, func(ctx context.Context, db database.Querier, id int64) (err error) {
		changed, err = s.repository.setLimits(ctx, db, id, r.GetVersion(), limitsOf(r.GetLimits()))
		return err
	})
	if err != nil {
		return nil, err
	}
	return changed.message()
}

// SetStatus archives or restores.
func (s *Service) SetStatus(ctx context.Context, requested int64, status string) (*campaignv1.Campaign, error) {
	var changed row
	err := s.within(ctx, requested, "make "+status, writes, func(ctx context.Context, db database.Querier, id int64) (err error) {
		changed, err = s.repository.setStatus(ctx, db, id, status)
		return err
	})
	if err != nil {
		return nil, err
	}
	return changed.message()
}

// Usage counts what a campaign holds, and what it does in this process now.
func (s *Service) Usage(ctx context.Context, requested int64) (*campaignv1.GetCampaignUsageResponse, error) {
	usage := &campaignv1.GetCampaignUsageResponse{}
	err := s.within(ctx, requested, "measure", reads, func(ctx context.Context, db database.Querier, id int64) error {
		tables, err := s.repository.usage(ctx, db, id)
		usage.CampaignId, usage.Tables = id, nil
		for _, t := range tables {
			usage.Tables = append(usage.Tables, &campaignv1.TableUsage{Table: t.Table, Rows: t.Rows, BytesEstimated: t.Bytes})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.loads == nil {
		return usage, nil
	}
	for _, load := range s.loads() {
		if load.Campaign.Int64() != usage.GetCampaignId() {
			continue
		}
		usage.Statements, usage.StatementsLimited = load.Admitted, load.Refused
		usage.StatementsRunning = int32(min(load.Running, 1<<30))
		if s.capacity > 0 {
			usage.PoolShare = float64(load.Running) / float64(s.capacity)
		}
	}
	return usage, nil
}

func limitsOf(l *campaignv1.CampaignLimits) row {
	if l == nil {
		return row{}
	}
	return row{MaxConcurrency: l.MaxConcurrency, MaxRate: l.MaxRate, StatementTimeoutMs: l.StatementTimeoutMs}
}
