package nexus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin/twintest"
)

func TestTwins(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `INSERT INTO ovasabi.service_campaign_main (slug, name) VALUES ('one', 'one'), ('two', 'two')`)
	require.NoError(t, err)
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	types := rapid.SampledFrom([]string{"a:b:v1:success", "a:b:v1:failed", "c:d:v2:started"})
	second := func(rt *rapid.T, name string) time.Time {
		return epoch.Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, name)) * time.Second)
	}
	twintest.Prove(t, db.App(t), twintest.Proof{
		Twin: nexus.ListByType, Campaigns: []campaign.ID{1, 2},
		Data: func(rt *rapid.T, ctx context.Context, db database.Querier, id campaign.ID) {
			for i := range rapid.IntRange(0, 12).Draw(rt, "events") {
				if _, err := db.Exec(ctx, `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, occurred_at)
VALUES ($1, $2, $3, $4)`, id.Int64(), fmt.Sprint(i), types.Draw(rt, "type"), second(rt, "at")); err != nil {
					rt.Fatal(err)
				}
			}
		},
		Args: func(rt *rapid.T, id campaign.ID) []any {
			return []any{
				id.Int64(), second(rt, "from"), second(rt, "before").Add(time.Second), second(rt, "after").Add(time.Second), rapid.Int64Range(0, 2000).Draw(rt, "id"),
				rapid.IntRange(0, 6).Draw(rt, "limit"), rapid.SliceOfNDistinct(types, 0, 3, rapid.ID[string]).Draw(rt, "types"),
			}
		},
	})
	twintest.AllProven(t)
}
