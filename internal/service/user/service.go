package user

import (
	"context"
	"math"
	"time"

	userv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/query"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Dependencies are what the service stands on.
type Dependencies struct {
	// Scope runs the SQL inside the campaign of the context.
	Scope *campaign.Scope
	// Twins picks between plain and optimised queries; nil always takes the plain ones.
	Twins *twin.Runner
	// Statements and Metrics keep and measure the statements; nil leaves them out.
	Statements *repository.PreparedStatementPool
	Metrics    *repository.RepositoryMetrics
	// Reads lets reads of single rows share round trips; nil leaves that out.
	Reads *campaign.Pipeline
	// Cursors signs page tokens.
	Cursors *query.CursorSigner
}

// Service holds the rules of users. Every method runs in the campaign of its
// context. It is safe for concurrent use.
type Service struct {
	users   users
	cursors *query.CursorSigner
}

// NewService returns the service.
func NewService(d Dependencies) *Service {
	return &Service{
		users: users{repository.NewEnhancedBaseRepository(d.Scope, repository.Enhancements{
			Statements: d.Statements, Metrics: d.Metrics, Twins: d.Twins, Reads: d.Reads,
		})},
		cursors: d.Cursors,
	}
}

// allStatuses is what an empty set of statuses stands for.
var allStatuses = []string{"active", "deleted", "invited", "suspended"}

// Get returns the user that the request names by id, username or email.
func (s *Service) Get(ctx context.Context, r *userv1.GetUserRequest) (*userv1.User, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var found row
	switch key := r.GetKey().(type) {
	case *userv1.GetUserRequest_Username:
		found, err = s.users.getByUsername(ctx, campaignID.Int64(), key.Username)
	case *userv1.GetUserRequest_Email:
		found, err = s.users.getByEmail(ctx, campaignID.Int64(), key.Email)
	default:
		found, err = s.users.getByID(ctx, campaignID.Int64(), r.GetId())
	}
	if err != nil {
		return nil, err
	}
	return found.message()
}

// GetMany returns the users that there are of ids, in their order, and the ids of which there is none.
func (s *Service) GetMany(ctx context.Context, ids []int64) (found []*userv1.User, missing []int64, err error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, err := s.users.getMany(ctx, campaignID.Int64(), ids)
	if err != nil {
		return nil, nil, err
	}
	missing = wire.Missing(ids, rows, func(r row) int64 { return r.ID })
	found, err = messages(rows)
	return found, missing, err
}

// List returns a page of users of the statuses, newest first, and the token of the next page.
func (s *Service) List(ctx context.Context, statuses []string, size int, token string) ([]*userv1.User, string, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	if len(statuses) == 0 {
		statuses = allStatuses
	}
	list := wire.List("user.list", wire.Set(statuses))
	place, err := wire.Place(ctx, s.cursors, list, token, []any{int64(math.MaxInt64)})
	if err != nil {
		return nil, "", err
	}
	rows, err := s.users.listByStatus(ctx, campaignID.Int64(), statuses, place[0], size+1)
	if err != nil {
		return nil, "", err
	}
	return s.page(ctx, list, rows, size, func(r row) []any { return []any{r.ID} })
}

// ListActive returns a page of active users who logged in since a time, latest
// login first, and the token of the next page.
func (s *Service) ListActive(ctx context.Context, since time.Time, size int, token string) ([]*userv1.User, string, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	list := wire.List("user.active", since.UTC().Format(time.RFC3339Nano))
	at, id, err := wire.AfterNewest(ctx, s.cursors, list, token)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.users.listActive(ctx, campaignID.Int64(), since, at, id, size+1)
	if err != nil {
		return nil, "", err
	}
	return s.page(ctx, list, rows, size, func(r row) []any { return []any{*r.LastLoginAt, r.ID} })
}

func (s *Service) page(ctx context.Context, list string, rows []row, size int, place func(row) []any) ([]*userv1.User, string, error) {
	rows, more := wire.Cut(rows, size)
	next := ""
	if more {
		last := rows[len(rows)-1]
		var err error
		if next, err = wire.NextPage(ctx, s.cursors, list, more, place(last)...); err != nil {
			return nil, "", err
		}
	}
	page, err := messages(rows)
	return page, next, err
}
