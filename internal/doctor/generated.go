package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

var generatedColumns = check{
	id:    "column.generated",
	finds: "generated columns whose expressions can fail",
	why:   "A virtual column is computed when it is read: a row that its expression cannot take goes in without a word, and then every query that touches the column fails.",
	link:  docs + "ddl-generated-columns.html",
	run:   findGenerated,
}

type generated struct {
	Schema, Table string
	Column        string
	Readable      bool
	Risky         bool
	Checked       bool
}

// What can fail, by the tree of the expression: a cast from text to anything else
// (of such a node alone coerceformat follows resultcollid), a division, or one of the
// conversions below. Inside a CASE it counts as guarded; the rows have the last word.
const generatedSQL = `
WITH virtual AS (
    SELECT
        n.nspname,
        c.relname,
        a.attname,
        c.oid,
        c.reltuples,
        a.attnum,
        pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS readable,
        d.adbin::text AS tree,
        ARRAY(
            SELECT source.number[1]::smallint
            FROM regexp_matches(d.adbin::text, ':varattno (\d+)', 'g') AS source (number)
        ) AS sources
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE a.attgenerated = 'v'
      AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition
      AND ` + userSchemas + `
)
SELECT
    v.nspname::text,
    v.relname::text,
    v.attname::text,
    v.readable,
    v.tree !~ '\{CASE(EXPR)? ' AND (
        v.tree ~ ':resulttype (?!25 )\d+ :resultcollid \d+ :coerceformat'
        OR EXISTS (
            SELECT
            FROM regexp_matches(v.tree, ':(?:opfuncid|funcid) (\d+)', 'g') AS used (function)
            JOIN pg_catalog.pg_proc AS p ON p.oid = used.function[1]::oid
            WHERE p.proname ~ '(_div|div|_div_.*|mod)$'
               OR p.proname IN ('to_number', 'to_date', 'to_timestamp', 'sqrt', 'dsqrt', 'ln', 'dlog1', 'log', 'power', 'dpow', 'decode', 'chr')
               -- jsonb to a number or a boolean
               OR p.proargtypes[0] = 'pg_catalog.jsonb'::regtype AND p.prorettype IN ('pg_catalog.numeric'::regtype, 'pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype, 'pg_catalog.float4'::regtype, 'pg_catalog.float8'::regtype, 'pg_catalog.bool'::regtype) AND p.pronargs = 1
        )
    ) AS risky,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS k
        WHERE k.conrelid = v.oid
          AND k.contype = 'c'
          AND k.convalidated
          AND k.conkey && v.sources
    )
FROM virtual AS v
ORDER BY 5 DESC, v.reltuples DESC, 1, 2, v.attnum
LIMIT 40`

// samples are how many rows of a table are computed, and how many where these take
// too long: a text vector can take milliseconds a row.
var samples = []int{1000, 100, 10}

func findGenerated(ctx context.Context, e *examination, c check) ([]Finding, error) {
	columns, err := read[generated](ctx, e, generatedSQL)
	if err != nil {
		return nil, err
	}
	var found []Finding
	var unreadable []string
	for _, col := range columns {
		object := quote(col.Schema) + "." + quote(col.Table) + "." + quote(col.Column)
		var f *Finding
		var rows int64
		if col.Readable {
			if f, rows, err = e.compute(ctx, pgx.Identifier{col.Schema, col.Table}.Sanitize(), col.Column, object); err != nil {
				return found, err
			}
		} else {
			unreadable = append(unreadable, object)
		}
		if f == nil && col.Risky {
			f = &Finding{
				Severity: Warning, Object: object,
				Evidence: fmt.Sprintf("its expression casts text or jsonb, or divides, without a CASE around it; %d rows were computed, and none failed", rows),
				Remedy:   "make the expression total (CASE WHEN … THEN … ELSE NULL END), or guard its source with a CHECK",
			}
			if col.Checked {
				f.Severity = Info
				f.Evidence += "; a CHECK on a column that it reads may be its guard"
			}
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	if len(unreadable) > 0 {
		e.notChecked(c.id, "no row was computed: the role "+e.facts.Role+" may not read "+strings.Join(unreadable, ", "), "GRANT SELECT on these columns to "+quote(e.facts.Role)+", or name the owner in --database-url")
	}
	return found, nil
}

// compute reads the column in some rows. The error of the server may quote a value:
// only its code goes on.
func (e *examination) compute(ctx context.Context, table, column, object string) (failed *Finding, rows int64, err error) {
	type count struct{ Rows, Computed int64 }
	for _, sample := range samples {
		var counts []count
		// OFFSET 0 keeps the planner from asking for the column of more rows than these.
		text := fmt.Sprintf("SELECT count(*), count(s.%[1]s) FROM (SELECT t.%[1]s FROM %[2]s AS t LIMIT %[3]d OFFSET 0) AS s", pgx.Identifier{column}.Sanitize(), table, sample)
		err = e.within(ctx, readOnly, e.limits.StatementTimeout, func() (err error) {
			counts, err = rowsOf[count](ctx, e, text)
			return err
		})
		pg, ok := errors.AsType[*pgconn.PgError](err)
		switch {
		case ok && pg.Code == fault.CodeQueryCanceled:
			continue
		case ok && pg.Code == fault.CodeLockNotAvailable:
			e.notChecked("column.generated", "no row of "+object+" was computed: somebody changes the table", "run it again later: ovasabi doctor --only column.generated")
			return nil, 0, nil
		case ok && (strings.HasPrefix(pg.Code, "22") || pg.Code == "54000"): // a value that does not fit; too much of it
			return &Finding{
				Severity: Error, Object: object,
				Evidence: fmt.Sprintf("a row among the first %d cannot be read: its expression fails with SQLSTATE %s", sample, pg.Code),
				Remedy:   "mend the rows, and guard the source column with a CHECK or the expression with CASE WHEN … THEN … ELSE NULL END",
			}, 0, nil
		case err != nil || len(counts) != 1:
			return nil, 0, err
		}
		return nil, counts[0].Rows, nil
	}
	e.notChecked("column.generated", fmt.Sprintf("not even %d rows of %s could be computed within %s", samples[len(samples)-1], object, e.limits.StatementTimeout), "ovasabi migrate verify computes every row")
	return nil, 0, nil
}
