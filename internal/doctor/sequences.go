package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

var sequences = check{
	id:    "sequence.ending",
	finds: "sequences near their end",
	why:   "When the last number is used every INSERT fails, and widening the column of a large table takes hours.",
	link:  docs + "sql-createsequence.html",
	run:   findSequences,
}

type sequence struct {
	Schema, Name string
	Readable     bool
	Start, Last  int64
	Column, Type string
}

// A sequence in an integer column ends with the column, whatever it could count to.
const sequencesSQL = `
SELECT
    n.nspname::text,
    c.relname::text,
    pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
    s.seqstart,
    CASE
        WHEN s.seqincrement < 0 THEN s.seqmin
        ELSE least(s.seqmax, CASE a.atttypid
            WHEN 'pg_catalog.int2'::regtype THEN 32767
            WHEN 'pg_catalog.int4'::regtype THEN 2147483647
            ELSE s.seqmax
        END)
    END,
    coalesce(format('%s.%I', d.refobjid::regclass, a.attname), ''),
    coalesce(a.atttypid::regtype::text, '')
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend AS d
    ON d.classid = 'pg_catalog.pg_class'::regclass
    AND d.objid = s.seqrelid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
    AND d.refobjsubid > 0
    AND d.deptype IN ('a', 'i')
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE NOT s.seqcycle
  AND c.relpersistence <> 't'
ORDER BY 1, 2
LIMIT 10000`

// atOnce is how many sequences one statement reads.
const atOnce = 500

// findSequences reads each sequence as a table: pg_sequences and pg_sequence_last_value
// take ROW EXCLUSIVE on it, a SELECT takes ACCESS SHARE.
func findSequences(ctx context.Context, e *examination, c check) ([]Finding, error) {
	all, err := read[sequence](ctx, e, sequencesSQL)
	if err != nil {
		return nil, err
	}
	var readable []sequence
	for _, s := range all {
		if s.Readable {
			readable = append(readable, s)
		}
	}
	if hidden := len(all) - len(readable); hidden > 0 {
		e.notChecked(c.id, fmt.Sprintf("the role %s may not read %d of %d sequences", e.facts.Role, hidden, len(all)), "GRANT SELECT ON ALL SEQUENCES IN SCHEMA … TO "+quote(e.facts.Role)+", or name their owner in --database-url")
	}
	var found []Finding
	for len(readable) > 0 {
		some := readable[:min(atOnce, len(readable))]
		readable = readable[len(some):]
		var text strings.Builder
		for i, s := range some {
			if i > 0 {
				text.WriteString(" UNION ALL ")
			}
			text.WriteString("SELECT " + strconv.Itoa(i) + ", s.last_value FROM " + pgx.Identifier{s.Schema, s.Name}.Sanitize() + " AS s WHERE s.is_called")
		}
		type position struct {
			I     int
			Value int64
		}
		positions, err := read[position](ctx, e, text.String())
		if err != nil {
			return found, err
		}
		for _, p := range positions {
			if f := some[p.I].judge(p.Value, e.limits.SequenceUsed); f != nil {
				found = append(found, *f)
			}
		}
	}
	return found, nil
}

func (s sequence) judge(value int64, limit float64) *Finding {
	used := (float64(value) - float64(s.Start)) / (float64(s.Last) - float64(s.Start))
	if s.Last == s.Start || used < limit { // one that holds a single number was made so
		return nil
	}
	name := quote(s.Schema) + "." + quote(s.Name)
	f := &Finding{
		Severity: Warning, Object: name,
		Evidence: fmt.Sprintf("stands at %d of %d, %.0f%%", value, s.Last, 100*used),
		Remedy:   "ALTER SEQUENCE " + name + " NO MAXVALUE NO MINVALUE, if its column holds larger numbers",
	}
	if used >= 0.9 {
		f.Severity = Error
	}
	if s.Column != "" {
		f.Evidence += " (" + s.Column + ", " + s.Type + ")"
	}
	if s.Type == "integer" || s.Type == "smallint" {
		f.Remedy = "make " + s.Column + " a bigint, and ALTER SEQUENCE " + name + " AS bigint"
	}
	return f
}
