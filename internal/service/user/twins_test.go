package user_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/user"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
	"github.com/ovasabi/ovasabi/pkg/twin/twintest"
)

var (
	statuses = rapid.SampledFrom([]string{"active", "invited", "suspended", "deleted"})
	names    = rapid.SampledFrom([]string{"", "Ada", "ada", "Grüße", "O'Neill"})
	epoch    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// firstID is the id of the first user of a case, so that arguments can name users.
const firstID = 1000

func users(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID) {
	for i := range rapid.IntRange(0, 10).Draw(rt, "users") {
		var username, login any
		if name := names.Draw(rt, "username"); name != "" {
			username = fmt.Sprint(name, i)
		}
		if n := rapid.IntRange(-1, 3).Draw(rt, "login"); n >= 0 {
			login = epoch.Add(time.Duration(n) * time.Second)
		}
		_, err := db.Exec(ctx, `
INSERT INTO ovasabi.service_user_main (campaign_id, id, username, email, first_name, last_name, status, last_login_at)
VALUES ($1, $2, $3, $4, nullif($5, ''), nullif($6, ''), $7, $8)`,
			id.Int64(), firstID+i, username, fmt.Sprint("U", i, "@example.org"),
			names.Draw(rt, "first"), names.Draw(rt, "last"), statuses.Draw(rt, "status"), login)
		if err != nil {
			rt.Fatal(err)
		}
	}
}

func TestTwins(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `
INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('one', 'one'), ('two', 'two');
INSERT INTO ovasabi.service_user_main (campaign_id, email, status, last_login_at)
SELECT c, 'foreign' || i || '@example.org', 'active', '2026-01-01 00:00:02Z' FROM generate_series(1, 2) AS c, generate_series(1, 3) AS i`)
	require.NoError(t, err)
	pool := db.App(t)
	one := rapid.Int64Range(firstID, firstID+10)
	for _, c := range []struct {
		twin *twin.Twin
		args func(rt *rapid.T) []any
	}{
		{user.GetByID, func(rt *rapid.T) []any { return []any{one.Draw(rt, "id")} }},
		{user.GetByUsername, func(rt *rapid.T) []any {
			return []any{fmt.Sprint(names.Draw(rt, "name"), rapid.IntRange(0, 9).Draw(rt, "n"))}
		}},
		{user.GetByEmail, func(rt *rapid.T) []any {
			return []any{fmt.Sprint("u", rapid.IntRange(0, 9).Draw(rt, "n"), "@EXAMPLE.org")}
		}},
		{user.FindByEmail, func(rt *rapid.T) []any {
			emails := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 5).Draw(rt, "emails")
			all := make([]string, len(emails))
			for i, n := range emails {
				all[i] = fmt.Sprint("u", n, "@EXAMPLE.org")
			}
			return []any{all}
		}},
		{user.GetMany, func(rt *rapid.T) []any { return []any{rapid.SliceOf(one).Draw(rt, "ids")} }},
		{user.ListByStatus, func(rt *rapid.T) []any {
			return []any{rapid.SliceOfNDistinct(statuses, 0, 4, rapid.ID[string]).Draw(rt, "statuses"), one.Draw(rt, "before"), rapid.IntRange(0, 6).Draw(rt, "limit")}
		}},
		{user.ListActive, func(rt *rapid.T) []any {
			return []any{
				epoch.Add(time.Duration(rapid.IntRange(0, 2).Draw(rt, "since")) * time.Second),
				epoch.Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, "after")) * time.Second), one.Draw(rt, "id"),
				rapid.IntRange(0, 6).Draw(rt, "limit"),
			}
		}},
		{user.Update, func(rt *rapid.T) []any {
			maybe := rapid.Ptr(names, true)
			return []any{
				one.Draw(rt, "id"), rapid.Int64Range(1, 2).Draw(rt, "version"), rapid.SampledFrom([]any{nil, "", "new name"}).Draw(rt, "username"),
				nil, maybe.Draw(rt, "first"), maybe.Draw(rt, "last"), rapid.Ptr(statuses, true).Draw(rt, "status"), nil,
			}
		}},
	} {
		twintest.Prove(t, pool, twintest.Proof{
			Twin: c.twin, Campaigns: []campaign.ID{1, 2}, Data: users,
			Args: func(rt *rapid.T, id campaign.ID) []any { return append([]any{id.Int64()}, c.args(rt)...) },
		})
	}
	twintest.AllProven(t)
}
