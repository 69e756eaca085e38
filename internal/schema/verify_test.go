package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

// filled is a database of the newest phase with rows in every table, its events in four partitions.
func filled(t *testing.T) (*pgtest.DB, *schema.Migrator) {
	t.Helper()
	db := pgtest.New(t, pgtest.WithTemplate("schema filled "+schema.Fingerprint(), func(ctx context.Context, ownerURL string) error {
		if err := schema.Up(ctx, ownerURL, schema.Latest(), partitions(4)); err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, ownerURL)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		for _, statement := range []string{
			`INSERT INTO ovasabi.service_campaign_main (id, slug, name) SELECT n, 'c' || n, 'Campaign' FROM generate_series(1, 3) AS n`,
			`INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body) SELECT 1 + n % 3, 'doc-' || n, 'Document ' || n, 'some words' FROM generate_series(1, 900) AS n`,
			`INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type) SELECT 1 + n % 3, 'e' || n, 'a:b:v1:success' FROM generate_series(1, 900) AS n`,
			`INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, metadata) SELECT 1, n::text, 'p', n, '{"tax_rate": 0.19}' FROM generate_series(1, 50) AS n`,
			`INSERT INTO ovasabi.service_user_main (campaign_id, email) SELECT 1, n || '@example.com' FROM generate_series(1, 50) AS n`,
			`VACUUM ANALYZE`, // plans must not wait for autovacuum
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
	return db, migrator(t, db.OwnerURL, schema.Options{})
}

func verify(t *testing.T, m *schema.Migrator) schema.Verification {
	t.Helper()
	v, err := m.Verify(t.Context(), schema.VerifyOptions{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), v.Since, time.Minute)
	v.Since = time.Time{} // two are compared
	return v
}

func TestVerifyOfASoundDatabaseFindsNothing(t *testing.T) {
	db, m := filled(t)
	v := verify(t, m)
	require.Empty(t, v.Findings)
	total := value[int64](t, db, `
SELECT
    (SELECT count(*) FROM ovasabi.service_event)
    + (SELECT count(*) FROM ovasabi.service_content_main)
    + (SELECT count(*) FROM ovasabi.service_user_main)
    + (SELECT count(*) FROM ovasabi.service_product_main)
    + (SELECT count(*) FROM ovasabi.service_campaign_main)`)
	require.Equal(t, total, v.Checked["rows"])
	require.Equal(t, int64(2*900+3*50+2*50), v.Checked["generated values"], "two vectors a document, a name and two folded values a user, two prices a product")
	require.Equal(t, int64(4), v.Checked["partitions"])
	require.Equal(t, value[int64](t, db, `SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = 'ovasabi'::regnamespace AND c.relkind = 'i'`), v.Checked["indexes"])
	require.Positive(t, v.Checked["policies"])
	require.Positive(t, v.Checked["sequences"])
	require.Empty(t, v.Worst())
}

// tamper changes the catalog behind the server's back, as a fault of hardware or of a person does.
func tamper(t *testing.T, db *pgtest.DB, statements ...string) {
	t.Helper()
	conn := connect(t, db.OwnerURL)
	_, err := conn.Exec(t.Context(), "SET allow_system_table_mods = on")
	require.NoError(t, err)
	for _, s := range statements {
		_, err := conn.Exec(t.Context(), s)
		require.NoError(t, err, s)
	}
}

func TestVerifyNamesEveryPlantedFault(t *testing.T) {
	faults := []struct {
		name, id, object, severity string
		plant                      func(t *testing.T, db *pgtest.DB)
	}{
		{"an index that misses a row", "index_corrupt", "ovasabi.idx_content_campaign_skip", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			// Written while the server thinks that the index wants no rows.
			tamper(t, db,
				`UPDATE pg_index SET indisready = false WHERE indexrelid = 'ovasabi.idx_content_campaign_skip'::regclass`,
				`INSERT INTO ovasabi.service_content_main (campaign_id, slug, title) VALUES (1, 'unseen', 'unseen')`,
				`UPDATE pg_index SET indisready = true WHERE indexrelid = 'ovasabi.idx_content_campaign_skip'::regclass`)
		}},
		{"a GIN index whose keys are in another order", "index_corrupt", "ovasabi.idx_content_search_stored", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			// As when a library that compares was changed under the index.
			tamper(t, db,
				`CREATE FUNCTION public.backwards(bigint, bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.btint8cmp($2, $1)'`,
				`UPDATE pg_amproc
				SET amproc = 'public.backwards'::regproc
				FROM pg_opfamily AS f, pg_am AS a
				WHERE f.oid = amprocfamily AND a.oid = f.opfmethod AND a.amname = 'gin' AND f.opfname = 'int8_ops' AND amprocnum = 1`)
		}},
		{"a wrong stored value", "generated_value", "ovasabi.service_content_main.search_vector_stored", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			column := `attrelid = 'ovasabi.service_content_main'::regclass AND attname = 'search_vector_stored'`
			tamper(t, db,
				`UPDATE pg_attribute SET attgenerated = '' WHERE `+column,
				`UPDATE ovasabi.service_content_main SET search_vector_stored = to_tsvector('english', 'stale') WHERE campaign_id = 2 AND slug = 'doc-7'`,
				`UPDATE pg_attribute SET attgenerated = 's' WHERE `+column)
		}},
		{"a row in the wrong partition", "partition_wrong", "", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			right := value[string](t, db, `SELECT tableoid::regclass::text FROM ovasabi.service_event WHERE campaign_id = 1 LIMIT 1`)
			wrong := value[string](t, db, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ovasabi.service_event'::regclass AND inhrelid <> $1::text::regclass LIMIT 1`, right)
			tamper(t, db,
				`UPDATE pg_class SET relispartition = false WHERE oid = '`+wrong+`'::regclass`,
				`INSERT INTO `+wrong+` (campaign_id, id, event_id, event_type) VALUES (1, 1000000, 'astray', 'a:b:v1:success')`,
				`UPDATE pg_class SET relispartition = true WHERE oid = '`+wrong+`'::regclass`,
				`SELECT setval('ovasabi.service_event_id_seq', 1000001)`)
		}},
		{"a dropped policy", "isolation", "table ovasabi.service_event", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `DROP POLICY campaign_scope ON ovasabi.service_event`)
		}},
		{"a policy changed by hand", "drift", "policy service_user_main.campaign_scope", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `ALTER POLICY campaign_scope ON ovasabi.service_user_main USING (true)`)
		}},
		{"a row that breaks a check", "constraint_broken", "ovasabi.service_user_main.service_user_main_status_known", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			check := `conname = 'service_user_main_status_known'`
			tamper(t, db,
				`UPDATE pg_constraint SET conenforced = false WHERE `+check,
				`ALTER TABLE ovasabi.service_user_main ALTER COLUMN status SET DEFAULT 'active'`, // has the server read its catalog again
				`UPDATE ovasabi.service_user_main SET status = 'lost' WHERE email = '7@example.com'`,
				`UPDATE pg_constraint SET conenforced = true WHERE `+check)
		}},
		{"a row without its campaign", "foreign_key_broken", "ovasabi.service_content_main.service_content_main_campaign_fkey", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			tamper(t, db,
				`SET session_replication_role = replica`,
				`INSERT INTO ovasabi.service_content_main (campaign_id, slug, title) VALUES (77, 'orphan', 'orphan')`)
		}},
		{"an index that was left invalid", "index_invalid", "ovasabi.idx_users_campaign_skip", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			tamper(t, db, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ovasabi.idx_users_campaign_skip'::regclass`)
		}},
		{"a partition that is gone", "partition_missing", "ovasabi.service_event", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `ALTER TABLE ovasabi.service_event DETACH PARTITION ovasabi.service_event_p02`)
		}},
		{"a sequence that was set back", "sequence_behind", "ovasabi.service_event_id_seq", schema.SeverityError, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `SELECT setval('ovasabi.service_event_id_seq', 5)`)
		}},
		{"a constraint that was never validated", "constraint_unvalidated", "ovasabi.service_user_main.by_hand", schema.SeverityWarning, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `ALTER TABLE ovasabi.service_user_main ADD CONSTRAINT by_hand CHECK (version > 0) NOT VALID`)
		}},
		{"a tax rate that is none", "product_tax_rate", "ovasabi.service_product_main.metadata", schema.SeverityWarning, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `UPDATE ovasabi.service_product_main SET metadata = '{"tax_rate": "abc"}' WHERE sku = '7'`)
		}},
		{"an index that another one holds", "index_redundant", "ovasabi.by_hand", schema.SeverityInfo, func(t *testing.T, db *pgtest.DB) {
			exec(t, db, `CREATE INDEX by_hand ON ovasabi.service_user_main (campaign_id, status)`)
		}},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			db, m := filled(t)
			f.plant(t, db)
			v := verify(t, m)
			var told []string
			named := false
			for _, found := range v.Findings {
				told = append(told, found.Severity+" "+found.ID+" "+found.Object+": "+found.Evidence+" → "+found.Remedy)
				named = named || found.ID == f.id && found.Severity == f.severity && (f.object == "" || found.Object == f.object)
				require.NotEmpty(t, found.Evidence)
				require.NotEmpty(t, found.Remedy)
			}
			require.True(t, named, strings.Join(told, "\n"))
		})
	}
}

// The remedy that a finding names mends it.
func TestTheRemedyOfAWrongStoredValueMendsIt(t *testing.T) {
	db, m := filled(t)
	column := `attrelid = 'ovasabi.service_content_main'::regclass AND attname = 'search_vector_stored'`
	tamper(t, db,
		`UPDATE pg_attribute SET attgenerated = '' WHERE `+column,
		`UPDATE ovasabi.service_content_main SET search_vector_stored = to_tsvector('english', 'stale') WHERE campaign_id = 2`,
		`UPDATE pg_attribute SET attgenerated = 's' WHERE `+column)
	v := verify(t, m)
	require.Len(t, v.Findings, 1)
	require.Contains(t, v.Findings[0].Evidence, "300 rows")
	statement, _, found := strings.Cut(v.Findings[0].Remedy, " WHERE …")
	require.True(t, found)
	exec(t, db, statement+" WHERE campaign_id = 2")
	require.Empty(t, verify(t, m).Findings)
}

// A verification that was cut short goes on, and forgets nothing that it had found.
func TestVerifyGoesOnWhereItWasCutShort(t *testing.T) {
	db, _ := filled(t)
	exec(t, db, `UPDATE ovasabi.service_product_main SET metadata = '{"tax_rate": 19}' WHERE sku IN ('7', '8')`)
	m := migrator(t, db.OwnerURL, schema.Options{})
	whole := verify(t, m)
	require.Len(t, whole.Findings, 1)
	require.Contains(t, whole.Findings[0].Evidence, "2 rows")

	steps := 0
	count := migrator(t, db.OwnerURL, schema.WithCheckpoint(schema.Options{}, func(string) error { steps++; return nil }))
	verify(t, count)
	require.Greater(t, steps, 10)
	for cut := 1; cut < steps; cut += steps / 6 {
		n := 0
		cutting := migrator(t, db.OwnerURL, schema.WithCheckpoint(schema.Options{}, func(string) error {
			if n++; n > cut {
				return errKilled
			}
			return nil
		}))
		_, err := cutting.Verify(t.Context(), schema.VerifyOptions{})
		require.True(t, errors.Is(err, errKilled), err)
		require.Equal(t, whole, verify(t, m), "after %d steps", cut)
	}
}

// Verified in portions, each a call of its own, the whole is the same.
func TestVerifyInPortionsFindsTheSame(t *testing.T) {
	db, m := filled(t)
	exec(t, db, `UPDATE ovasabi.service_product_main SET metadata = '{"tax_rate": 19}' WHERE sku IN ('7', '8')`)
	exec(t, db, `CREATE INDEX by_hand ON ovasabi.service_user_main (campaign_id, status)`)
	whole := verify(t, m)
	require.True(t, whole.Complete)
	calls, rests := 0, 0
	options := schema.VerifyOptions{Name: "portions", Portion: 1, Rest: func(context.Context, time.Duration) error { rests++; return nil }}
	for {
		v, err := m.Verify(t.Context(), options)
		require.NoError(t, err)
		calls++
		require.LessOrEqual(t, rests, calls, "one batch or index a call")
		if v.Complete {
			require.Equal(t, whole.Findings, v.Findings)
			require.Equal(t, whole.Checked, v.Checked)
			break
		}
		require.Zero(t, value[int](t, db, `SELECT count(*) FROM ovasabi.schema_verification WHERE options NOT LIKE '%portions%'`), "another's place is its own")
	}
	require.Greater(t, calls, 20)
	require.Zero(t, value[int](t, db, `SELECT count(*) FROM ovasabi.schema_verification`))
}
