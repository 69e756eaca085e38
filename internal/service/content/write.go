package content

import (
	"context"
	"fmt"

	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// usualStatus is the status of a document that is made without one.
const usualStatus = "draft"

// newDraft reads a document to make; path is where it stands in the request.
func newDraft(path string, n *contentv1.NewContent) (draft, error) {
	tags, err := wire.TagsJSON(n.GetTags())
	if err != nil {
		return draft{}, err
	}
	metadata, err := wire.Metadata(path+".metadata", n.GetMetadata())
	if err != nil {
		return draft{}, err
	}
	slug, title, body, status := n.GetSlug(), n.GetTitle(), n.GetBody(), n.GetStatus()
	if status == "" {
		status = usualStatus
	}
	return draft{slug: &slug, title: &title, body: &body, tags: tags, status: &status, metadata: metadata}, nil
}

// Create makes a document.
func (s *Service) Create(ctx context.Context, n *contentv1.NewContent) (*contentv1.Content, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	d, err := newDraft("content", n)
	if err != nil {
		return nil, err
	}
	made, err := s.contents.create(ctx, campaignID.Int64(), d)
	if err != nil {
		return nil, err
	}
	return made.message()
}

// CreateMany makes documents in one statement, and leaves alone those whose slug exists.
func (s *Service) CreateMany(ctx context.Context, all []*contentv1.NewContent) ([]*contentv1.BatchCreateContentResponse_Result, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	drafts := make([]draft, len(all))
	for i, n := range all {
		if drafts[i], err = newDraft(fmt.Sprintf("contents[%d]", i), n); err != nil {
			return nil, err
		}
	}
	results, err := s.contents.createMany(ctx, campaignID.Int64(), drafts)
	if err != nil {
		return nil, err
	}
	answers := make([]*contentv1.BatchCreateContentResponse_Result, len(results))
	for i, r := range results {
		if r.ID == 0 && !r.Created {
			// Made by another call after this one began, so that its snapshot did not show it.
			found, err := s.contents.getBySlug(ctx, campaignID.Int64(), all[i].GetSlug())
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return nil, err
			}
			r.ID = found.ID
		}
		if r.ID == 0 {
			return nil, wire.ErrArchived() // a new slug, and yet nothing was made
		}
		answers[i] = &contentv1.BatchCreateContentResponse_Result{Id: r.ID, Created: r.Created}
	}
	return answers, nil
}

// Update changes a document of the given version.
func (s *Service) Update(ctx context.Context, r *contentv1.UpdateContentRequest) (*contentv1.Content, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	d := draft{slug: r.Slug, title: r.Title, body: r.Body, status: r.Status}
	if d.metadata, err = wire.OptionalMetadata("metadata", r.GetMetadata()); err != nil {
		return nil, err
	}
	if r.GetTags() != nil {
		if d.tags, err = wire.TagsJSON(r.GetTags().GetValues()); err != nil {
			return nil, err
		}
	}
	changed, err := s.contents.update(ctx, campaignID.Int64(), r.GetId(), r.GetVersion(), d)
	if err != nil {
		return nil, err
	}
	return changed.message()
}

// Delete removes a document of the given version, or of any where version is 0.
func (s *Service) Delete(ctx context.Context, id, version int64) error {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return err
	}
	return s.contents.delete(ctx, campaignID.Int64(), id, version)
}
