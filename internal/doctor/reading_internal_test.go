package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStatementIsPlannedAsTheRowsThatItReads(t *testing.T) {
	for text, want := range map[string]string{
		`SELECT a FROM t WHERE b = $1`:                                          `SELECT a FROM t WHERE b = $1`,
		`SELECT a FROM t WHERE b = $1 FOR UPDATE SKIP LOCKED`:                   `SELECT a FROM t WHERE b = $1 `,
		`SELECT substring(a FROM 2 FOR $1) FROM t`:                              `SELECT substring(a FROM 2 FOR $1) FROM t`,
		`SELECT "for update" FROM t`:                                            `SELECT "for update" FROM t`,
		`SELECT a FROM t WHERE b > now() - interval $1`:                         `SELECT a FROM t WHERE b > now() - $1::interval`,
		`UPDATE t SET a = $1 WHERE b = $2`:                                      `SELECT t.* FROM t WHERE b = $2`,
		`UPDATE ONLY s.t AS x SET a = $1 FROM u WHERE x.b = u.b`:                `SELECT x.* FROM ONLY s.t AS x,  u  WHERE x.b = u.b`,
		`UPDATE s."T" SET a = $1 WHERE b IN (SELECT c FROM u WHERE d)`:          `SELECT s."T".* FROM s."T" WHERE b IN (SELECT c FROM u WHERE d)`,
		`DELETE FROM t AS x USING u WHERE x.a = u.a RETURNING x.a`:              `SELECT x.* FROM t AS x,  u  WHERE x.a = u.a `,
		`INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = $2`:    ``,
		`INSERT INTO t (a) SELECT a FROM u WHERE b = $1 ON CONFLICT DO NOTHING`: `SELECT a FROM u WHERE b = $1 `,
		`WITH x AS (SELECT 1) SELECT * FROM x`:                                  `WITH x AS (SELECT 1) SELECT * FROM x`,
	} {
		got, ok := reading(text)
		require.True(t, ok, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		`SELECT 1; DROP TABLE t`, `WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x`, `SELECT a FROM (SELECT a FROM t FOR UPDATE) AS s`,
		`UPDATE t SET a = (SELECT b FROM u) WHERE c`, `UPDATE t SET a = 1`, `INSERT INTO t VALUES ((SELECT a FROM u))`,
		`MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE`, `SELECT a INTO b FROM t`, `SELECT $$a$$`, ``, `VACUUM t`,
	} {
		_, ok := reading(text)
		require.False(t, ok, text)
	}
}

func TestColumnsOfAFilter(t *testing.T) {
	equal, ranged, whole := conditions(`((o.status = $1) AND (o.campaign_id = (NULLIF(current_setting('app.campaign_id'::text, true), ''::text))::bigint) AND (o.at > $2) AND ("Odd" = 1))`,
		[]string{"status", "campaign_id", "at", "Odd"})
	require.Equal(t, []string{"campaign_id", "status", "Odd"}, equal)
	require.Equal(t, []string{"at"}, ranged)
	require.True(t, whole)
	_, _, whole = conditions(`((a = 1) OR (b = 2))`, []string{"a", "b"})
	require.False(t, whole)
}
