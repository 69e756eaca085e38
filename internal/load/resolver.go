package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// target is the campaign for a value, or why it has none.
type target struct {
	id     campaign.ID
	reason string
}

// resolver finds the campaign of each value of the campaign field and makes
// those that are missing. Answers are kept. It is not safe for concurrent use.
//
// Two values never share a campaign because they look alike as slugs: a campaign
// that a load made keeps the value it was made for (metadata.loaded_from). The
// value whose slug is taken by another one gets that slug with its own hash, the
// same one each time, and a note says so. A campaign that was made by other means
// is taken where the value is its slug or its name.
type resolver struct {
	scope  *campaign.Scope
	field  string
	known  map[string]target
	notes  []string
	unsaid int
}

// mostKnown bounds the answers that are kept; beyond it the router forgets them and asks again.
const mostKnown = 50_000

func newResolver(scope *campaign.Scope, field string) *resolver {
	return &resolver{scope: scope, field: field, known: map[string]target{}}
}

// named finds the campaign that the operator named, by id or by slug.
func (r *resolver) named(ctx context.Context, name string) (campaign.ID, error) {
	var byID *foundCampaign
	id, notID := campaign.ParseID(name)
	if notID == nil {
		c, err := campaignByID(ctx, r.scope, id)
		if err != nil {
			return 0, err
		}
		byID = c
	}
	var bySlug *foundCampaign
	if slugForm.MatchString(name) {
		c, err := campaignBySlug(ctx, r.scope, name)
		// By its id a campaign is found without looking across all of them.
		if err != nil && (byID == nil || !errors.Is(err, fault.Denied)) {
			return 0, err
		}
		bySlug = c
	}
	found := byID
	switch {
	case byID != nil && bySlug != nil && byID.ID != bySlug.ID:
		return 0, fault.Field("campaign", "%s is the id of one campaign and the slug of another (id %s): name it by the slug %s or by the id %s", name, bySlug.ID, byID.Slug, bySlug.ID)
	case byID == nil:
		found = bySlug
	}
	switch {
	case found == nil:
		return 0, &fault.Error{Kind: fault.NotFound, Field: "campaign", Message: fmt.Sprintf("there is no campaign %q: name one by id or slug, make it first, or let a field of each line make campaigns (--campaign-field)", name)}
	case found.Archived:
		return 0, fault.Field("campaign", "%s is archived and so read-only: restore it first", found.Slug)
	}
	return found.ID, nil
}

// resolve makes the answer for every value known.
func (r *resolver) resolve(ctx context.Context, values []string) error {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		var answers map[string]target
		var notes []string
		err := r.scope.AcrossCampaigns(ctx, fmt.Sprintf("load: find or make the campaigns of %d values of %q", len(values), r.field),
			database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) (err error) {
				answers, notes, err = r.settle(ctx, tx, values)
				return err
			})
		if err == nil {
			maps.Copy(r.known, answers)
			for _, n := range notes {
				r.note(n)
			}
			return nil
		}
		// Another load made one of them a moment ago: it is found the next time.
		if !errors.Is(err, fault.Conflict) || attempt == attempts {
			return err
		}
		if err := database.Pause(ctx, attempt); err != nil {
			return fault.FromPostgres(err)
		}
	}
}

// settle answers for the values, in their order: first by the plain slug, then,
// for those whose slug is another's, by the slug with the hash.
func (r *resolver) settle(ctx context.Context, tx pgx.Tx, values []string) (answers map[string]target, notes []string, err error) {
	answers = make(map[string]target, len(values))
	slugs := make(map[string]string, len(values)) // value to slug
	for _, v := range values {
		slugs[v] = campaignSlug(v)
	}
	open := values
	for hashed := false; len(open) > 0; hashed = true {
		var taken []string
		if taken, err = r.round(ctx, tx, open, slugs, answers); err != nil {
			return nil, nil, err
		}
		for _, v := range taken {
			if hashed {
				answers[v] = target{reason: fmt.Sprintf("looks like another campaign's value, as slug %s: load these lines apart, with --campaign", slugs[v])}
				continue
			}
			plain := slugs[v]
			slugs[v] = withHash(plain, v)
			notes = append(notes, fmt.Sprintf("%s %q is campaign %s, because campaign %s belongs to another value", r.field, shorten(v), slugs[v], plain))
		}
		if hashed {
			break
		}
		open = taken
	}
	return answers, notes, nil
}

// round answers for the values whose slug is free or theirs, and returns the others.
func (r *resolver) round(ctx context.Context, tx pgx.Tx, values []string, slugs map[string]string, answers map[string]target) (taken []string, err error) {
	wanted := make([]string, len(values))
	for i, v := range values {
		wanted[i] = slugs[v]
	}
	found, err := campaignsBySlug(ctx, tx, wanted)
	if err != nil {
		return nil, err
	}
	owner := map[string]string{} // slugs that this round gives away
	var newSlugs, newValues []string
	for _, v := range values {
		slug := slugs[v]
		c, exists := found[slug]
		switch {
		case !exists && owner[slug] == "":
			owner[slug] = v
			newSlugs, newValues = append(newSlugs, slug), append(newValues, v)
		case !exists || !c.belongsTo(v):
			taken = append(taken, v)
		case c.Archived:
			answers[v] = target{reason: fmt.Sprintf("names campaign %s, which is archived and so read-only: restore it first", slug)}
		default:
			answers[v] = target{id: c.ID}
		}
	}
	if len(newSlugs) == 0 {
		return taken, nil
	}
	made, err := makeCampaigns(ctx, tx, newSlugs, newValues)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	for i, v := range newValues {
		answers[v] = target{id: made[newSlugs[i]]}
	}
	return taken, nil
}

// belongsTo reports whether the campaign is the value's: made for it, or, where
// it was not made by a load, of this slug or name.
func (c foundCampaign) belongsTo(value string) bool {
	if c.Value != "" {
		return c.Value == value
	}
	return c.Slug == value || c.Name == campaignName(value)
}

func (r *resolver) note(n string) {
	const most = 19
	if len(r.notes) < most {
		r.notes = append(r.notes, n)
	} else {
		r.unsaid++
	}
}

// said returns the notes, with the number of those left out.
func (r *resolver) said() []string {
	if r.unsaid == 0 {
		return r.notes
	}
	return append(slices.Clip(r.notes), fmt.Sprintf("and %d more of this kind", r.unsaid))
}

func shorten(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
