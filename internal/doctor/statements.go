package doctor

import (
	"context"
	"fmt"
)

var statementShapes = check{
	id:    "statements.shapes",
	finds: "statements that miss every statement cache",
	why:   "Texts that differ only in how many parameters a list holds are different statements to a cache: each is parsed and planned anew, and pushes others out.",
	link:  docs + "pgstatstatements.html",
	needs: []right{hasStatements},
	sees:  []right{readsStats},
	run: func(ctx context.Context, e *examination, _ check) ([]Finding, error) {
		return findRows(ctx, e, fmt.Sprintf(`
WITH shape AS (
    SELECT
        -- $1, $2, $3 and ($1, $2), ($3, $4) become one thing each.
        md5(regexp_replace(regexp_replace(s.query, '\$\d+(\s*,\s*\$\d+)*', '$', 'g'), '\(\$\)(\s*,\s*\(\$\))+', '($)', 'g')) AS shape,
        s.userid,
        s.queryid,
        s.calls
    FROM %[1]s.pg_stat_statements AS s
    WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
      AND s.query ~ '\$\d+\)?\s*,\s*\(?\$\d+'
      AND s.toplevel
)
SELECT
    'warning',
    format('statement %%s and %%s others', min(h.queryid), count(*) - 1),
    format('%%s texts of one shape, run by %%s %%s times in all', count(*), h.userid::regrole, sum(h.calls)),
    'pass the list as one array: = ANY ($1) or unnest($1::bigint[]) keeps one text whatever its length; the number is queryid in pg_stat_statements'
FROM shape AS h
GROUP BY h.shape, h.userid
HAVING count(*) >= @shapes::int
UNION ALL
-- The server folds IN and ARRAY lists into one text; a client's cache does not.
SELECT
    'info',
    format('statement %%s', s.queryid),
    format('was run by %%s %%s times with a list in its text; how many lengths it had is not recorded', s.userid::regrole, s.calls),
    'pass the list as one array: = ANY ($1) keeps one text whatever its length; the number is queryid in pg_stat_statements'
FROM (
    SELECT s.queryid, s.userid, s.calls
    FROM %[1]s.pg_stat_statements AS s
    WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
      AND s.query LIKE '%%/*, ... */%%'
      AND s.toplevel
      AND s.calls >= @shapes::int
    ORDER BY s.calls DESC
    LIMIT 10
) AS s`, e.facts.Statements))
	},
}

var statementEvictions = check{
	id:    "statements.evictions",
	finds: "more different statements than the server keeps figures of",
	why:   "The figures of statements are thrown away before anybody can read them; texts that never repeat also make every statement cache useless.",
	link:  docs + "pgstatstatements.html#PGSTATSTATEMENTS-CONFIG-PARAMS",
	needs: []right{hasStatements},
	run: func(ctx context.Context, e *examination, _ check) ([]Finding, error) {
		// Each eviction throws away a twentieth of the entries.
		return findRows(ctx, e, fmt.Sprintf(`
SELECT
    'warning',
    'pg_stat_statements.max',
    format('entries were thrown away %%s times since %%s; %%s are kept', i.dealloc, to_char(i.stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), current_setting('pg_stat_statements.max')),
    'look for statements that never repeat (values in their text, lists of every length); else raise pg_stat_statements.max and restart the server'
FROM %s.pg_stat_statements_info AS i
WHERE i.dealloc >= 3
  AND i.dealloc > extract(epoch FROM clock_timestamp() - i.stats_reset) / 86400`, e.facts.Statements))
	},
}

// findRows runs one query of a check whose text depends on the server.
func findRows(ctx context.Context, e *examination, text string) ([]Finding, error) {
	return query(ctx, e, check{sql: text})
}
