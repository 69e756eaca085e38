package content

import (
	"context"
	"math"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
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

// Service holds the rules of documents. Every method runs in the campaign of its
// context. It is safe for concurrent use.
type Service struct {
	contents contents
	cursors  *query.CursorSigner
}

// NewService returns the service.
func NewService(d Dependencies) *Service {
	return &Service{
		contents: contents{repository.NewEnhancedBaseRepository(d.Scope, repository.Enhancements{
			Statements: d.Statements, Metrics: d.Metrics, Twins: d.Twins, Reads: d.Reads,
		})},
		cursors: d.Cursors,
	}
}

// allStatuses is what an empty set of statuses stands for.
var allStatuses = []string{"archived", "draft", "published", "review"}

func statusesOf(asked []string) []string {
	if len(asked) == 0 {
		return allStatuses
	}
	return asked
}

// Get returns a document by id, or by slug where id is 0.
func (s *Service) Get(ctx context.Context, id int64, slug string) (*contentv1.Content, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	var found row
	if id != 0 {
		found, err = s.contents.getByID(ctx, campaignID.Int64(), id)
	} else {
		found, err = s.contents.getBySlug(ctx, campaignID.Int64(), slug)
	}
	if err != nil {
		return nil, err
	}
	return found.message()
}

// GetMany returns the documents that there are of ids, in their order, and the ids of which there is none.
func (s *Service) GetMany(ctx context.Context, ids []int64, body bool) (found []*contentv1.Content, missing []int64, err error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, err := s.contents.getMany(ctx, campaignID.Int64(), ids, body)
	if err != nil {
		return nil, nil, err
	}
	missing = wire.Missing(ids, rows, func(r row) int64 { return r.ID })
	found, err = messages(rows)
	return found, missing, err
}

// List returns a page of documents of the statuses, newest first, and the token of the next page.
func (s *Service) List(ctx context.Context, statuses []string, size int, token string, body bool) ([]*contentv1.Content, string, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	statuses = statusesOf(statuses)
	list := wire.List("content.list", wire.Set(statuses))
	at, id, err := wire.AfterNewest(ctx, s.cursors, list, token)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.contents.listByStatus(ctx, campaignID.Int64(), statuses, at, id, size+1, body)
	if err != nil {
		return nil, "", err
	}
	rows, more := wire.Cut(rows, size)
	next := ""
	if more {
		last := rows[len(rows)-1]
		if next, err = wire.NextPage(ctx, s.cursors, list, more, last.CreatedAt, last.ID); err != nil {
			return nil, "", err
		}
	}
	page, err := messages(rows)
	return page, next, err
}

// Search returns a page of hits, best first, and the token of the next page.
func (s *Service) Search(ctx context.Context, text string, statuses, tags []string, size int, token string) ([]*contentv1.ContentHit, string, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, "", err
	}
	statuses = statusesOf(statuses)
	list := wire.List("content.search", text, wire.Set(statuses), wire.Set(tags))
	after, err := s.afterHit(ctx, list, token)
	if err != nil {
		return nil, "", err
	}
	tagsJSON, err := wire.TagsJSON(tags)
	if err != nil {
		return nil, "", err
	}
	hits, err := s.contents.search(ctx, campaignID.Int64(), text, statuses, tagsJSON, after, size+1)
	if err != nil {
		return nil, "", err
	}
	hits, more := wire.Cut(hits, size)
	next := ""
	if more {
		last := hits[len(hits)-1]
		if next, err = wire.NextPage(ctx, s.cursors, list, more, last.Rank, last.CreatedAt, last.ID); err != nil {
			return nil, "", err
		}
	}
	page := make([]*contentv1.ContentHit, len(hits))
	for i, h := range hits {
		m, err := h.message()
		if err != nil {
			return nil, "", err
		}
		page[i] = &contentv1.ContentHit{Content: m, Rank: float32(h.Rank), Snippet: snippet(h.Passage)}
	}
	return page, next, nil
}

func (s *Service) afterHit(ctx context.Context, list, token string) (place, error) {
	values, err := wire.OpenPage(ctx, s.cursors, list, token)
	if err != nil {
		return place{}, err
	}
	if values == nil {
		return place{math.Inf(1), pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, math.MaxInt64}, nil
	}
	if len(values) != 3 {
		return place{}, wire.BadPage()
	}
	rank, isRank := values[0].(float64)
	at, isTime := wire.Timestamptz(values[1])
	id, isID := values[2].(int64)
	if !isRank || !isTime || !isID {
		return place{}, wire.BadPage()
	}
	return place{rank, at, id}, nil
}

// Tags counts documents by tag, most used first.
func (s *Service) Tags(ctx context.Context, statuses []string, limit int) ([]*contentv1.TagCount, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := s.contents.countTags(ctx, campaignID.Int64(), statusesOf(statuses), limit)
	if err != nil {
		return nil, err
	}
	tags := make([]*contentv1.TagCount, len(counts))
	for i, c := range counts {
		tags[i] = &contentv1.TagCount{Tag: c.Tag, Count: c.Count}
	}
	return tags, nil
}

// snippet cuts a passage at its marks. ts_headline closes every mark that it opens.
func snippet(passage string) []*contentv1.SnippetPart {
	var parts []*contentv1.SnippetPart
	for passage != "" {
		before, rest, _ := strings.Cut(passage, "\x02")
		if before != "" {
			parts = append(parts, &contentv1.SnippetPart{Text: before})
		}
		match, after, _ := strings.Cut(rest, "\x03")
		if match != "" {
			parts = append(parts, &contentv1.SnippetPart{Text: match, Match: true})
		}
		passage = after
	}
	return parts
}
