package query_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// Each lock keeps out the locks that PostgreSQL's documentation says it does
// (table 13.3, Conflicting Row-Level Locks); who meets one skips the row or
// fails at once, as asked.
func TestLocks(t *testing.T) {
	ctx, db := deadline(t), pgtest.New(t)
	seed(ctx, t, db)
	pool := db.App(t)
	type lock = func(*query.CampaignQueryBuilder) *query.CampaignQueryBuilder
	names := []string{"key share", "share", "no key update", "update"}
	locks := []lock{
		(*query.CampaignQueryBuilder).ForKeyShare, (*query.CampaignQueryBuilder).ForShare,
		(*query.CampaignQueryBuilder).ForNoKeyUpdate, (*query.CampaignQueryBuilder).ForUpdate,
	}
	conflicts := [4][4]bool{
		{false, false, false, true},
		{false, false, true, true},
		{false, true, true, true},
		{true, true, true, true},
	}
	run := func(b *query.CampaignQueryBuilder, want string, inside func() error) error {
		text, args, err := b.SQL()
		if err != nil {
			return err
		}
		return within(ctx, pool, 7, func(tx pgx.Tx) error {
			got, err := answer(ctx, tx, text, args)
			if err != nil {
				return err
			}
			if got != want {
				t.Errorf("answered %q, want %q\n%s", got, want, text)
			}
			return inside()
		})
	}
	rows := func(l lock) *query.CampaignQueryBuilder {
		return l(query.NewCampaignQuery(7).WithTable(content).Columns(contentID).OrderBy(contentID.Asc()))
	}
	nothing := func() error { return nil }
	for held := range locks {
		err := run(rows(locks[held]).Where(contentID.In(1, 3)), "1;3", func() error {
			for wanted := range locks {
				left := "1;2;3;4"
				if conflicts[held][wanted] {
					left = "2;4"
				}
				if err := run(rows(locks[wanted]).SkipLocked(), left, nothing); err != nil {
					return err
				}
				err := run(rows(locks[wanted]).NoWait(), "1;2;3;4", nothing)
				if conflicts[held][wanted] && !errors.Is(fault.FromPostgres(err), fault.Unavailable) || !conflicts[held][wanted] && err != nil {
					t.Errorf("%s without waiting, while %s is held: got %v", names[wanted], names[held], err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
