package doctor

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var missingIndex = check{
	id:    "index.missing",
	finds: "slow statements that read a whole table for a few of its rows",
	why:   "The statement's time grows with the table, and it pushes everything else out of the cache.",
	link:  docs + "using-explain.html",
	run:   findMissing,
}

// fullScan is a node that reads a large table and keeps little of it.
type fullScan struct {
	schema, table string
	rows, kept    float64
	equal, ranged []string
	whole         bool // every condition was understood
}

type tableSize struct {
	Rows    float64
	Columns []string
}

const sizeSQL = `
SELECT
    c.reltuples::float8,
    ARRAY(
        SELECT a.attname::text
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid
          AND a.attnum > 0
          AND NOT a.attisdropped
          AND a.attgenerated <> 'v'
    )
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND c.relname = $2`

// slowest bounds how many statements are planned.
const slowest = 20

func findMissing(ctx context.Context, e *examination, c check) ([]Finding, error) {
	list, why, remedy, err := e.workload(ctx)
	if err != nil {
		return nil, err
	}
	if why != "" {
		e.notChecked(c.id, why, remedy)
		return nil, nil
	}
	slow := slices.DeleteFunc(list, func(s statement) bool { return s.MeanMS < float64(e.limits.SlowQuery)/float64(time.Millisecond) })
	if len(slow) > slowest {
		slow = slow[:slowest]
	}
	var found []Finding
	unplanned := 0
	for _, s := range slow {
		text, ok := reading(s.Text)
		if !ok || time.Now().After(e.deadline) {
			unplanned++
			continue
		}
		if text == "" {
			continue
		}
		err := e.within(ctx, readOnly, e.limits.StatementTimeout, func() error {
			root, ok, err := e.plan(ctx, s, text)
			if err != nil {
				return err
			}
			if !ok {
				unplanned++
				return nil
			}
			scans, err := e.fullScans(ctx, root)
			for _, scan := range scans {
				f, err := e.advise(ctx, s, text, root.Cost, scan)
				if err != nil {
					return err
				}
				found = append(found, f)
			}
			return err
		})
		if err != nil {
			return found, err
		}
	}
	if unplanned > 0 {
		e.notChecked(c.id, fmt.Sprintf("%d of the %d slowest statements could not be planned without their values, without a lock, or in time", unplanned, len(slow)), "EXPLAIN them by hand: they stand in pg_stat_statements")
	}
	return found, nil
}

// fullScans are the nodes of a plan that read a large table and keep at most a tenth.
func (e *examination) fullScans(ctx context.Context, root node) (scans []fullScan, err error) {
	var nodes []node
	root.walk(func(n node) {
		if n.Type == "Seq Scan" && n.Filter != "" {
			nodes = append(nodes, n)
		}
	})
	for _, n := range nodes {
		sizes, err := rowsOf[tableSize](ctx, e, sizeSQL, n.Schema, n.Relation)
		if err != nil {
			return nil, err
		}
		if len(sizes) != 1 || sizes[0].Rows < float64(e.limits.LargeRows) || n.Rows > sizes[0].Rows/10 {
			continue
		}
		scan := fullScan{schema: n.Schema, table: n.Relation, rows: sizes[0].Rows, kept: n.Rows}
		scan.equal, scan.ranged, scan.whole = conditions(n.Filter, sizes[0].Columns)
		scans = append(scans, scan)
	}
	return scans, nil
}

// Conditions as the server writes them: ((a.status = $1) AND (a.created_at > $2)).
var condition = regexp.MustCompile(`\((?:(?:"(?:[^"]|"")+"|[a-z_][\w$]*)\.)?("(?:[^"]|"")+"|[a-z_][\w$]*) (=|<|>|<=|>=) `)

// conditions finds the columns that are compared with something. Only their names
// leave this function: the text may hold values of policies and views.
func conditions(filter string, columns []string) (equal, ranged []string, whole bool) {
	for _, match := range condition.FindAllStringSubmatch(filter, -1) {
		name := match[1]
		if strings.HasPrefix(name, `"`) {
			name = strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
		}
		switch {
		case !slices.Contains(columns, name):
		case match[2] == "=" && !slices.Contains(equal, name):
			equal = append(equal, name)
		case match[2] != "=" && !slices.Contains(ranged, name):
			ranged = append(ranged, name)
		}
	}
	// The campaign begins every index of a campaign's table.
	if i := slices.Index(equal, "campaign_id"); i > 0 {
		equal = slices.Insert(slices.Delete(equal, i, i+1), 0, "campaign_id")
	}
	ranged = slices.DeleteFunc(ranged, func(c string) bool { return slices.Contains(equal, c) })
	return equal, ranged, !strings.Contains(filter, " OR ")
}

// advise says what is known, and tries the index that would help where hypopg lets it.
func (e *examination) advise(ctx context.Context, s statement, text string, cost float64, scan fullScan) (Finding, error) {
	table := pgx.Identifier{scan.schema, scan.table}.Sanitize()
	f := Finding{
		Severity: Warning, Object: quote(scan.schema) + "." + quote(scan.table),
		Evidence: fmt.Sprintf("statement %d (queryid; role %s) took %.1f ms in the mean of %d calls, and its generic plan reads all %.0f rows to keep about %.0f",
			s.ID, s.Role, s.MeanMS, s.Calls, scan.rows, scan.kept),
	}
	columns := scan.equal
	if len(scan.ranged) > 0 {
		columns = append(slices.Clone(columns), scan.ranged[0])
	}
	if len(columns) == 0 || !scan.whole {
		f.Remedy = "its conditions are no plain comparisons of columns: look at it with EXPLAIN, as the role that runs it"
		return f, nil
	}
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quote(c)
	}
	create := fmt.Sprintf("ON %s (%s)", table, strings.Join(quoted, ", "))
	f.Remedy = "CREATE INDEX CONCURRENTLY " + create + "; then EXPLAIN the statement as the role that runs it, and drop the index if it is not taken"
	if e.facts.Hypopg == "" {
		f.Evidence += "; whether the index would be taken is not proven, because hypopg is not installed"
		return f, nil
	}
	type made struct{ OID uint32 }
	if _, err := rowsOf[made](ctx, e, "SELECT indexrelid FROM "+e.facts.Hypopg+".hypopg_create_index($1)", "CREATE INDEX "+create); err != nil {
		return f, err
	}
	root, ok, err := e.plan(ctx, s, text)
	if _, resetErr := e.conn.Exec(ctx, "SELECT "+e.facts.Hypopg+".hypopg_reset()"); err == nil {
		err = resetErr
	}
	if err != nil {
		return f, err
	}
	if ok {
		f.Evidence += fmt.Sprintf("; with the index below its cost would be %.2f of what it is", root.Cost/max(cost, 0.01))
	}
	return f, nil
}
