package user

import (
	"context"
	"fmt"
	"strings"
	"time"

	userv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// usualStatus is the status of a user who is made without one.
const usualStatus = "active"

// maxAhead is how far a login may lie ahead of this server's clock.
const maxAhead = time.Minute

// newDraft reads a user to make; path is where it stands in the request.
func newDraft(path string, n *userv1.NewUser) (draft, error) {
	metadata, err := wire.Metadata(path+".metadata", n.GetMetadata())
	if err != nil {
		return draft{}, err
	}
	username, email, first, last, status := n.GetUsername(), n.GetEmail(), n.GetFirstName(), n.GetLastName(), n.GetStatus()
	if status == "" {
		status = usualStatus
	}
	return draft{username: &username, email: &email, firstName: &first, lastName: &last, status: &status, metadata: metadata}, nil
}

// Create makes a user.
func (s *Service) Create(ctx context.Context, n *userv1.NewUser) (*userv1.User, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	d, err := newDraft("user", n)
	if err != nil {
		return nil, err
	}
	made, err := s.users.create(ctx, campaignID.Int64(), d)
	if err != nil {
		return nil, err
	}
	return made.message()
}

// CreateMany makes users in one statement, and leaves alone those whose email exists.
func (s *Service) CreateMany(ctx context.Context, all []*userv1.NewUser) ([]*userv1.BatchCreateUsersResponse_Result, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	if err := noneTwice(all); err != nil {
		return nil, err
	}
	drafts := make([]draft, len(all))
	for i, n := range all {
		if drafts[i], err = newDraft(fmt.Sprintf("users[%d]", i), n); err != nil {
			return nil, err
		}
	}
	made, err := s.users.createMany(ctx, campaignID.Int64(), drafts)
	if err != nil {
		return nil, err
	}
	stood, err := s.standing(ctx, campaignID.Int64(), all, made)
	if err != nil {
		return nil, err
	}
	answers := make([]*userv1.BatchCreateUsersResponse_Result, len(made))
	for i, id := range made {
		answers[i] = &userv1.BatchCreateUsersResponse_Result{Id: id + stood[i], Created: id != 0}
	}
	return answers, nil
}

// standing returns the ids of those users of a batch that were not made, in its
// places: they stood already. It looks after the insert, and so sees what another
// call committed while that ran.
func (s *Service) standing(ctx context.Context, campaignID int64, all []*userv1.NewUser, made []int64) ([]int64, error) {
	stood := make([]int64, len(made))
	var emails []string
	var places []int
	for i, id := range made {
		if id == 0 {
			emails, places = append(emails, all[i].GetEmail()), append(places, i)
		}
	}
	if len(emails) == 0 {
		return stood, nil
	}
	found, err := s.users.findByEmail(ctx, campaignID, emails)
	if err != nil {
		return nil, err
	}
	for i, id := range found {
		if id == 0 {
			return nil, wire.ErrArchived() // a new email, and yet nothing was made
		}
		stood[places[i]] = id
	}
	return stood, nil
}

// noneTwice refuses a batch that names one email or username twice. Case is
// folded as Go does; where PostgreSQL folds more, its unique index refuses the batch.
func noneTwice(all []*userv1.NewUser) error {
	emails, usernames := map[string]int{}, map[string]int{}
	for i, n := range all {
		email, username := strings.ToLower(n.GetEmail()), strings.ToLower(n.GetUsername())
		if first, twice := emails[email]; twice {
			return fault.Field(fmt.Sprintf("users[%d].email", i), "is the same as that of users[%d]", first)
		}
		emails[email] = i
		if username == "" {
			continue
		}
		if first, twice := usernames[username]; twice {
			return fault.Field(fmt.Sprintf("users[%d].username", i), "is the same as that of users[%d]", first)
		}
		usernames[username] = i
	}
	return nil
}

// Update changes a user of the given version.
func (s *Service) Update(ctx context.Context, r *userv1.UpdateUserRequest) (*userv1.User, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	d := draft{username: r.Username, email: r.Email, firstName: r.FirstName, lastName: r.LastName, status: r.Status}
	if d.metadata, err = wire.OptionalMetadata("metadata", r.GetMetadata()); err != nil {
		return nil, err
	}
	changed, err := s.users.update(ctx, campaignID.Int64(), r.GetId(), r.GetVersion(), d)
	if err != nil {
		return nil, err
	}
	return changed.message()
}

// Delete removes a user of the given version, or of any where version is 0.
func (s *Service) Delete(ctx context.Context, id, version int64) error {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return err
	}
	return s.users.delete(ctx, campaignID.Int64(), id, version)
}

// RecordLogin notes a login, now where at is nil, and returns the time that stands.
func (s *Service) RecordLogin(ctx context.Context, id int64, at *time.Time) (time.Time, error) {
	campaignID, err := campaign.FromContext(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if at != nil && time.Until(*at) > maxAhead {
		return time.Time{}, fault.Field("at", "must not be more than %s ahead of the server's clock", maxAhead)
	}
	return s.users.recordLogin(ctx, campaignID.Int64(), id, at)
}
