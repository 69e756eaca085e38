package schema_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func migrator(t testing.TB, url string, o schema.Options) *schema.Migrator {
	t.Helper()
	m, err := schema.Open(url, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func TestUpAndDownLeaveNothingBehind(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	m := migrator(t, db.OwnerURL, schema.Options{})
	ctx := t.Context()

	before, err := m.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, schema.Empty, before.Phase)
	require.NotEmpty(t, before.Pending)

	for range 2 { // up again finds nothing to do
		require.NoError(t, m.Up(ctx, schema.Latest()))
		s, err := m.Status(ctx)
		require.NoError(t, err)
		require.Equal(t, schema.Latest(), s.Phase)
		require.Empty(t, s.Pending)
		require.Empty(t, s.Invalid)
		require.Empty(t, s.Drift)
	}
	require.NoError(t, m.Down(ctx, schema.Empty))
	var left bool
	require.NoError(t, db.Owner(t).QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'ovasabi')`).Scan(&left))
	require.False(t, left)
}

func TestEveryPhaseGoesUpAndDownAgain(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	m := migrator(t, db.OwnerURL, schema.Options{})
	for phase := schema.Foundation; phase <= schema.Latest(); phase++ {
		require.NoError(t, m.Up(t.Context(), phase))
		first := objects(t, db)
		require.NoError(t, m.Down(t.Context(), phase-1))
		require.NoError(t, m.Up(t.Context(), phase))
		require.Equal(t, first, objects(t, db), "phase %d", phase)
	}
}

// objects reads what a migration recorded, as text.
func objects(t *testing.T, db *pgtest.DB) []string {
	t.Helper()
	rows, err := db.Owner(t).Query(t.Context(), `SELECT kind || ' ' || name || ': ' || definition FROM ovasabi.schema_object ORDER BY 1`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

func TestAChangeByHandIsReportedObjectByObject(t *testing.T) {
	db := pgtest.New(t)
	m := migrator(t, db.OwnerURL, schema.Options{})
	_, err := db.Owner(t).Exec(t.Context(), `
DROP POLICY campaign_scope ON ovasabi.service_content_main;
ALTER TABLE ovasabi.service_event NO FORCE ROW LEVEL SECURITY;
CREATE INDEX made_by_hand ON ovasabi.service_event (entity_id);
ALTER TABLE ovasabi.service_user_main ALTER COLUMN status SET DEFAULT 'invited';`)
	require.NoError(t, err)

	drifted := func() []string {
		s, err := m.Status(t.Context())
		require.NoError(t, err)
		var told []string
		for _, d := range s.Drift {
			told = append(told, d.Object+" "+d.Problem)
		}
		return told
	}
	want := []string{
		"column service_user_main.status changed",
		"index made_by_hand added",
		"policy service_content_main.campaign_scope missing",
		"table service_event changed",
	}
	require.Equal(t, want, drifted())
	// A migration afterwards does not make it ours.
	require.NoError(t, m.Up(t.Context(), schema.Latest()))
	require.Equal(t, want, drifted())
}

func TestTwoMigratorsAreOne(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	var mu sync.Mutex
	var applied []string
	var group sync.WaitGroup
	for range 4 {
		m := migrator(t, db.OwnerURL, schema.Options{Progress: func(line string) {
			if strings.HasPrefix(line, "apply ") {
				mu.Lock()
				defer mu.Unlock()
				applied = append(applied, line)
			}
		}})
		group.Go(func() {
			if err := m.Up(context.Background(), schema.Latest()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(applied))), len(applied), "a migration ran twice")
}

func TestALockThatIsHeldIsWaitedForInShortTurns(t *testing.T) {
	db := pgtest.New(t, pgtest.Phase(int(schema.Foundation)))
	m := migrator(t, db.OwnerURL, schema.Options{LockTimeout: 50 * time.Millisecond, DropData: true})
	blocker, err := db.Owner(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = blocker.Exec(t.Context(), `LOCK TABLE ovasabi.service_content_main IN ACCESS SHARE MODE`)
	require.NoError(t, err)

	tried := make(chan struct{}, 100)
	waiting := migrator(t, db.OwnerURL, schema.Options{LockTimeout: 50 * time.Millisecond, DropData: true, Progress: func(line string) {
		if strings.Contains(line, "trying again") {
			select {
			case tried <- struct{}{}:
			default:
			}
		}
	}})
	done := make(chan error, 1)
	go func() { done <- waiting.Down(context.Background(), schema.Empty) }()
	<-tried
	<-tried
	require.NoError(t, blocker.Rollback(t.Context()))
	require.NoError(t, <-done)
	s, err := m.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, schema.Empty, s.Phase)
}

func TestDownToNothingAsksBeforeItDropsCampaigns(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `INSERT INTO ovasabi.campaign_directory (slug, campaign_id) VALUES ('a', 1)`)
	require.NoError(t, err)
	m := migrator(t, db.OwnerURL, schema.Options{})
	err = m.Down(t.Context(), schema.Empty)
	require.ErrorIs(t, err, fault.Denied)
	require.ErrorContains(t, err, "--drop-data")
	require.NoError(t, migrator(t, db.OwnerURL, schema.Options{DropData: true}).Down(t.Context(), schema.Empty))
}

func TestADatabaseThatIsNotOursIsRefused(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	_, err := db.Owner(t).Exec(t.Context(), `CREATE SCHEMA ovasabi; CREATE TABLE ovasabi.somebody_elses (id int)`)
	require.NoError(t, err)
	m := migrator(t, db.OwnerURL, schema.Options{})
	require.ErrorContains(t, m.Up(t.Context(), schema.Latest()), "did not make")
	_, err = m.Status(t.Context())
	require.ErrorContains(t, err, "did not make")
}

func TestADatabaseOfANewerBinaryIsRefused(t *testing.T) {
	db := pgtest.New(t)
	_, err := db.Owner(t).Exec(t.Context(), `INSERT INTO ovasabi.schema_version (version_id, is_applied) VALUES (99901, true)`)
	require.NoError(t, err)
	m := migrator(t, db.OwnerURL, schema.Options{})
	require.ErrorContains(t, m.Up(t.Context(), schema.Latest()), "newer OVASABI")
}

func TestPlanShowsTheSQLAndChangesNothing(t *testing.T) {
	db := pgtest.New(t, pgtest.Empty())
	m := migrator(t, db.OwnerURL, schema.Options{})
	steps, err := m.Plan(t.Context(), schema.Foundation, true)
	require.NoError(t, err)
	require.Contains(t, steps[1].SQL, "CREATE TABLE ovasabi.service_campaign_main")
	require.NotContains(t, steps[1].SQL, "+goose")
	require.NotContains(t, steps[1].SQL, "DROP TABLE")
	s, err := m.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, schema.Empty, s.Phase)
}

// An owner on a hosted server is no superuser: it may create roles and its own database, no more.
func TestAnOwnerWithoutSuperuserMigrates(t *testing.T) {
	pgtest.New(t) // so that the roles are there, whoever made them
	db := pgtest.New(t, pgtest.Empty())
	owner := db.Owner(t)
	role := "hosted_" + db.Name
	// On a server of its own the owner makes the roles, and so may enter them.
	_, err := owner.Exec(t.Context(), `
CREATE ROLE `+pgx.Identifier{role}.Sanitize()+` LOGIN CREATEROLE PASSWORD 'secret';
GRANT ovasabi_search, ovasabi_crossing TO `+pgx.Identifier{role}.Sanitize()+` WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.Background()
		_, err := owner.Exec(ctx, `DROP OWNED BY `+pgx.Identifier{role}.Sanitize()+` CASCADE; DROP ROLE `+pgx.Identifier{role}.Sanitize())
		require.NoError(t, err)
	})
	_, err = owner.Exec(t.Context(), `GRANT CREATE ON DATABASE `+pgx.Identifier{db.Name}.Sanitize()+` TO `+pgx.Identifier{role}.Sanitize())
	require.NoError(t, err)
	config, err := pgx.ParseConfig(db.OwnerURL)
	require.NoError(t, err)
	url := strings.Replace(db.OwnerURL, config.User+":"+config.Password+"@", role+":secret@", 1)
	require.NotEqual(t, db.OwnerURL, url)

	m := migrator(t, url, schema.Options{})
	require.NoError(t, m.Up(t.Context(), schema.Latest()))
	require.NoError(t, m.Down(t.Context(), schema.Empty))
}

// What a dry run prints of a move is what the move then does: run by hand, but for
// the batches and the waiting, it gives the same table.
func TestPlanShowsAMoveAsItWouldBe(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 5)
	writeEvents(t, db, 5, 50)
	exec(t, db, `COMMENT ON TABLE ovasabi.service_event IS 'What happened'`)
	steps, err := migrator(t, db.OwnerURL, partitions(3)).Plan(t.Context(), schema.Latest(), true)
	require.NoError(t, err)
	require.Len(t, steps, 1)
	require.Equal(t, "00303_event_partitions", steps[0].Name)
	for _, part := range []string{
		`CREATE TABLE "ovasabi_next"."service_event_p02" PARTITION OF "ovasabi_next"."service_event" FOR VALUES WITH (MODULUS 3, REMAINDER 2)`,
		`CREATE TRIGGER schema_move_insert AFTER INSERT ON "ovasabi"."service_event"`,
		`LOCK TABLE "ovasabi"."service_event" IN ACCESS EXCLUSIVE MODE`,
		`ALTER TABLE "ovasabi_next"."service_event" SET SCHEMA ovasabi`,
	} {
		require.Contains(t, steps[0].SQL, part)
	}
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ovasabi\_%'`))

	rows := checksum(t, db)
	require.NoError(t, migrator(t, db.OwnerURL, partitions(3)).Up(t.Context(), schema.Latest()))
	moved := described(t, db)
	require.NoError(t, migrator(t, db.OwnerURL, partitions(0)).Up(t.Context(), schema.Latest()))
	conn := connect(t, db.OwnerURL)
	_, err = conn.Exec(t.Context(), `TRUNCATE ovasabi.schema_move`)
	require.NoError(t, err)
	for _, statement := range planned(steps[0].SQL) {
		if strings.HasPrefix(statement, "LOCK TABLE") {
			continue // nobody else is here, and it wants a transaction
		}
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.Equal(t, moved, described(t, db))
	require.Equal(t, rows, checksum(t, db))

	steps, err = migrator(t, db.OwnerURL, partitions(3)).Plan(t.Context(), schema.Latest(), true)
	require.NoError(t, err)
	require.Equal(t, "-- ovasabi.service_event stays as it is", steps[0].SQL)
	steps, err = migrator(t, db.OwnerURL, schema.Options{}).Plan(t.Context(), schema.GeneratedColumns, false)
	require.NoError(t, err)
	back := steps[slices.IndexFunc(steps, func(s schema.Step) bool { return s.Name == "00303_event_partitions" })].SQL
	require.Contains(t, back, `CREATE TABLE "ovasabi_next"."service_event" (LIKE`)
	require.NotContains(t, back, "PARTITION OF")
}

// planned splits the SQL of a step: a statement ends with a semicolon at the end of its line.
func planned(text string) []string {
	var all []string
	for statement := range strings.SplitSeq(comment.ReplaceAllString(text, ""), ";\n") {
		if statement = strings.TrimSpace(strings.TrimSuffix(statement, ";")); statement != "" {
			all = append(all, statement)
		}
	}
	return all
}
