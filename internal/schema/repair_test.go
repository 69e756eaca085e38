package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// What a build or a REINDEX leaves when it is cut short is told by name, and made
// good by the next run.
func TestWhatABuildLeftHalfDoneIsBuiltAgain(t *testing.T) {
	invalid := func(t *testing.T, m *schema.Migrator) []string {
		s, err := m.Status(t.Context())
		require.NoError(t, err)
		return s.Invalid
	}
	spoil := func(index string) string {
		return `UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.` + index + `'::regclass`
	}
	valid := func(t *testing.T, db *pgtest.DB, index string) bool {
		return value[bool](t, db, `SELECT indisvalid AND indisready FROM pg_catalog.pg_index WHERE indexrelid = to_regclass($1)`, "ovasabi."+index)
	}
	t.Run("before its migration is written down", func(t *testing.T) {
		db := pgtest.New(t, pgtest.Phase(int(schema.GeneratedColumns)))
		exec(t, db, `CREATE INDEX idx_events_campaign_skip ON ovasabi.service_event (id)`) // not even the right columns yet
		tamper(t, db, spoil("idx_events_campaign_skip"))
		m := migrator(t, db.OwnerURL, schema.Options{})
		require.Equal(t, []string{"ovasabi.idx_events_campaign_skip on ovasabi.service_event"}, invalid(t, m))
		require.NoError(t, m.Up(t.Context(), schema.Latest()))
		require.Empty(t, invalid(t, m))
		require.Contains(t, value[string](t, db, `SELECT pg_get_indexdef('ovasabi.idx_events_campaign_skip'::regclass)`), "(campaign_id, event_type, occurred_at, entity_id)")
	})
	t.Run("long after", func(t *testing.T) {
		db := pgtest.New(t)
		exec(t, db, `CREATE INDEX idx_users_campaign_skip_ccnew ON ovasabi.service_user_main (campaign_id, status, last_login_at, id)`)
		exec(t, db, `CREATE INDEX theirs ON ovasabi.service_user_main (id)`)
		tamper(t, db, spoil("idx_users_campaign_skip"), spoil("idx_users_campaign_skip_ccnew"), spoil("theirs"))
		m := migrator(t, db.OwnerURL, schema.Options{})
		require.Len(t, invalid(t, m), 3)
		require.NoError(t, m.Up(t.Context(), schema.Latest()))
		require.True(t, valid(t, db, "idx_users_campaign_skip"))
		require.Equal(t, []string{"ovasabi.theirs on ovasabi.service_user_main"}, invalid(t, m), "what we did not make is told, and left")
	})
}
