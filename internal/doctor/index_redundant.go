package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

var redundantIndex = check{
	id:    "index.redundant",
	finds: "indexes that a wider one replaces, skip scan included, proven by planning without them",
	why:   "Every write maintains both. A wider index serves a query on its first columns, and since PostgreSQL 18 one on later columns as well, while the columns before them have few values.",
	link:  docs + "indexes-multicolumn.html",
	run:   findRedundant,
}

// candidate is an index that looks as if another could take its place.
type candidate struct {
	OID       uint32
	Name      string // as SQL takes it
	Bare      string // as plans show it
	Table     string
	BareTable string
	WiderOID  uint32
	Wider     string
	WiderBare string
	Columns   string
	Skips     bool // the wider index holds the columns, but not at its beginning
	KB        int64
}

// Neither index may be partial or on expressions: what they hold could not be
// compared by columns. An index that a constraint or a replica identity needs, or
// that stands behind a foreign key whose columns do not begin the wider one, stays.
const redundantSQL = `
WITH plain AS (
    SELECT
        i.indexrelid, i.indrelid, c.relname, c.relpages, i.indisunique, i.indisprimary, i.indisreplident, i.indisclustered,
        i.indnatts, i.indnkeyatts,
        (string_to_array(i.indkey::text, ' ')::int[])[1:i.indnkeyatts] AS keys,
        (string_to_array(i.indclass::text, ' ')::oid[])[1:i.indnkeyatts] AS classes,
        (string_to_array(i.indcollation::text, ' ')::oid[])[1:i.indnkeyatts] AS collations,
        (string_to_array(i.indoption::text, ' ')::int[])[1:i.indnkeyatts] AS options
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    WHERE m.amname = 'btree'
      AND c.relkind = 'i'
      AND NOT c.relispartition
      AND i.indisvalid
      AND i.indexprs IS NULL
      AND i.indpred IS NULL
      AND ` + userSchemas + `
),
pair AS (
    SELECT
        a.indexrelid,
        a.indrelid,
        a.relname,
        a.relpages,
        a.indnkeyatts,
        a.keys,
        a.classes,
        a.collations,
        a.options,
        b.indexrelid AS wider,
        b.relpages AS wider_pages,
        b.keys AS wider_keys,
        b.classes AS wider_classes,
        b.collations AS wider_collations,
        b.options AS wider_options,
        array_position(b.keys, a.keys[1]) AS place
    FROM plain AS a
    JOIN plain AS b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid AND b.indnkeyatts > a.indnkeyatts
    WHERE NOT a.indisunique
      AND NOT a.indisprimary
      AND NOT a.indisreplident
      AND NOT a.indisclustered
      AND a.indnatts = a.indnkeyatts
      AND b.keys @> a.keys
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = a.indexrelid)
)
SELECT
    p.indexrelid,
    p.indexrelid::regclass::text,
    p.relname::text,
    p.indrelid::regclass::text,
    t.relname::text,
    p.wider,
    p.wider::regclass::text,
    w.relname::text,
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place) FROM unnest(p.keys) WITH ORDINALITY AS k (attnum, place) JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.indrelid AND a.attnum = k.attnum),
    p.place > 1,
    p.relpages::bigint * 8
FROM pair AS p
JOIN pg_catalog.pg_class AS t ON t.oid = p.indrelid
JOIN pg_catalog.pg_class AS w ON w.oid = p.wider
WHERE p.wider_keys[p.place:p.place + p.indnkeyatts - 1] = p.keys
  AND p.wider_classes[p.place:p.place + p.indnkeyatts - 1] = p.classes
  AND p.wider_collations[p.place:p.place + p.indnkeyatts - 1] = p.collations
  AND p.wider_options[p.place:p.place + p.indnkeyatts - 1] = p.options
  AND (p.place = 1 OR NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_constraint AS k
      WHERE k.contype = 'f'
        AND k.conrelid = p.indrelid
        AND p.keys[1:cardinality(k.conkey)] @> k.conkey::int[]
  ))
-- The wider of two that may go comes first: what takes the other's place must stay.
ORDER BY p.indnkeyatts DESC, p.indexrelid, p.place, p.wider_pages
LIMIT 200`

// What cannot be proven is no advice, so that fewer are named.
const (
	mostPairs    = 200
	mostUnproven = 50
)

func findRedundant(ctx context.Context, e *examination, self check) ([]Finding, error) {
	var candidates []candidate
	err := e.within(ctx, readOnly, e.limits.StatementTimeout, func() (err error) {
		// The planner expects one index a table, and would compare each with all.
		e.report.Checked.Statements++
		if _, err = e.conn.Exec(ctx, "SET LOCAL enable_nestloop = off"); err != nil {
			return err
		}
		candidates, err = rowsOf[candidate](ctx, e, redundantSQL)
		return err
	})
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	why, remedy := e.mayHide()
	var list []statement
	if why == "" {
		if list, why, remedy, err = e.workload(ctx); err != nil {
			return nil, err
		}
	}
	most := mostPairs
	if why != "" {
		most = mostUnproven
	}
	if len(candidates) >= most {
		candidates = candidates[:most]
		e.notChecked(self.id, fmt.Sprintf("only the first %d pairs of indexes were looked at", most), "drop what is named and proven, then run it again")
	}
	var found []Finding
	var gone, judged []uint32 // proven to be needless; looked at
	for _, c := range candidates {
		if slices.Contains(judged, c.OID) || slices.Contains(gone, c.WiderOID) {
			continue
		}
		judged = append(judged, c.OID)
		if why != "" {
			found = append(found, c.unproven(why, remedy))
			continue
		}
		p, err := e.prove(ctx, c, list, gone)
		if err != nil {
			return found, err
		}
		f := c.judge(p)
		if f == nil {
			continue
		}
		if f.Severity == Warning {
			gone = append(gone, c.OID)
		}
		found = append(found, *f)
	}
	return found, nil
}

// mayHide says why an index cannot be hidden from the planner, or nothing.
func (e *examination) mayHide() (why, remedy string) {
	switch {
	case e.facts.Hypopg != "":
		return "", ""
	case e.facts.InRecovery:
		return "an index cannot be hidden from the planner on a standby", "run ovasabi doctor --only index.redundant --prove on the primary"
	case !e.facts.Superuser:
		return "only a superuser, or whoever has the extension hypopg, can hide an index from the planner", "name a superuser in --database-url and --prove, or CREATE EXTENSION hypopg"
	case !e.options.Prove:
		return "without the extension hypopg an index is hidden from the planner by an UPDATE of the catalog pg_index that is rolled back, and that was not asked for", "ovasabi doctor --only index.redundant --prove, or CREATE EXTENSION hypopg"
	default:
		return "", ""
	}
}

// proof is what planning the statements with and without an index gave.
type proof struct {
	planned   int // statements on the table
	used      int // of these took the index
	instead   int // of these took the wider one while both were there
	unplanned int // on the table, and could not be planned
	late      int // on the table, and the time was up
	worst     float64
	busy      bool // somebody changes the index
}

// planned is a statement as it is planned while every index is there.
type planned struct {
	statement statement
	text      string
	cost      float64
	takes     bool // the index that is judged
}

// prove plans every recorded statement on the table as things are, and once more
// while the index is hidden, together with those that are gone already: whoever
// drops all that is named must find what the proof says.
func (e *examination) prove(ctx context.Context, c candidate, list []statement, gone []uint32) (p proof, err error) {
	list = slices.DeleteFunc(slices.Clone(list), func(s statement) bool { return !mentions(s.Text, c.BareTable) })
	if len(list) == 0 {
		return p, nil
	}
	var before []planned
	err = e.within(ctx, readOnly, e.limits.StatementTimeout, func() error {
		before, err = e.planAsIs(ctx, c, list, &p)
		return err
	})
	if err != nil || !slices.ContainsFunc(before, func(b planned) bool { return b.takes || len(gone) > 0 }) {
		return p, err
	}
	err = e.hidden(ctx, append([]uint32{c.OID}, gone...), func() error {
		for _, b := range before {
			if !b.takes && len(gone) == 0 {
				continue // hiding what it does not take changes nothing
			}
			root, ok, err := e.plan(ctx, b.statement, b.text)
			if err != nil {
				return err
			}
			if !ok || root.uses(c.Bare) {
				p.unplanned++
				continue
			}
			if b.takes {
				p.used++
			}
			p.worst = max(p.worst, root.Cost/max(b.cost, 0.01))
		}
		return nil
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == fault.CodeLockNotAvailable {
		p.busy = true
		return p, nil
	}
	return p, err
}

// planAsIs plans the statements while every index is there, and counts in p.
func (e *examination) planAsIs(ctx context.Context, c candidate, list []statement, p *proof) (before []planned, err error) {
	for _, s := range list {
		text, ok := reading(s.Text)
		switch {
		case ok && text == "": // an INSERT reads no index but the unique ones
			p.planned++
			continue
		case !ok:
			p.unplanned++
			continue
		case time.Now().After(e.deadline):
			p.late++
			continue
		}
		root, ok, err := e.plan(ctx, s, text)
		if err != nil {
			return before, err
		}
		if !ok {
			p.unplanned++
			continue
		}
		p.planned++
		if root.uses(c.WiderBare) {
			p.instead++
		}
		before = append(before, planned{s, text, root.Cost, root.uses(c.Bare)})
	}
	return before, nil
}

// hidden runs fn while this session's planner does not see the index. Where hypopg
// is not there the index is marked invalid in a transaction that is rolled back:
// nobody else sees it, and no lock on the table is taken. For these milliseconds the
// transaction holds ROW EXCLUSIVE on the catalog pg_index, as every CREATE INDEX does,
// and this index's row in it: only DDL on this very index waits. It leaves one dead row
// there.
func (e *examination) hidden(ctx context.Context, indexes []uint32, fn func() error) error {
	if e.facts.Hypopg != "" {
		return e.within(ctx, readOnly, e.limits.StatementTimeout, func() error {
			type done struct{ Done bool }
			for _, index := range indexes {
				if _, err := rowsOf[done](ctx, e, "SELECT "+e.facts.Hypopg+".hypopg_hide_index($1::oid)", index); err != nil {
					return err
				}
			}
			err := fn()
			for _, index := range indexes { // hypopg keeps them for the session, whatever becomes of the transaction
				_, shown := rowsOf[done](ctx, e, "SELECT "+e.facts.Hypopg+".hypopg_unhide_index($1::oid)", index)
				err = errors.Join(err, shown)
			}
			return err
		})
	}
	return e.within(ctx, "READ WRITE", e.limits.StatementTimeout, func() error {
		e.report.Checked.Statements++
		if _, err := e.conn.Exec(ctx, `UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = ANY ($1::oid[])`, indexes); err != nil {
			return err
		}
		return fn()
	})
}

// Costs of two plans that differ by less are the same plan by another name.
const (
	sameCost   = 1.1
	dearerCost = 2.0
)

// judge makes a finding of a proof, or none where the index earns its keep.
func (c candidate) judge(p proof) *Finding {
	took := fmt.Sprintf("%d recorded statements on %s were planned, %d of them took the index and %d the wider one", p.planned, c.Table, p.used, p.instead)
	if p.worst > 0 {
		took += fmt.Sprintf("; without it the dearest costs %.2f times as much", p.worst)
	}
	var doubt string
	switch {
	case p.worst > sameCost && p.worst <= dearerCost:
		return &Finding{
			Severity: Info, Object: c.Name,
			Evidence: c.beside() + ". " + took,
			Remedy:   fmt.Sprintf("weigh that against what writes pay for it; DROP INDEX CONCURRENTLY %s if it is worth it", c.Name),
		}
	case p.worst > dearerCost:
		return nil
	case p.busy:
		doubt = "somebody changes the index at the moment"
	case p.late > 0:
		doubt = fmt.Sprintf("the time was up before %d statements", p.late)
	case p.unplanned > 0:
		doubt = fmt.Sprintf("%d statements on the table could not be planned", p.unplanned)
	case p.planned == 0:
		doubt = "no statement on the table was recorded"
	case p.used == 0 && p.instead == 0:
		doubt = "no recorded statement took either of the two"
	default:
		return &Finding{
			Severity: Warning, Object: c.Name,
			Evidence: c.beside() + ". Proven: " + took,
			Remedy:   "DROP INDEX CONCURRENTLY " + c.Name,
		}
	}
	f := c.unproven(doubt+" ("+took+")", "let it run under load for a while, then ovasabi doctor --only index.redundant")
	return &f
}

func (c candidate) beside() string {
	way := "begins"
	if c.Skips {
		way = "holds, further on,"
	}
	if way == "begins" {
		way = "begins with"
	}
	return fmt.Sprintf("%s %s its columns (%s); %d kB", c.Wider, way, c.Columns, c.KB)
}

// unproven is what looks redundant by its columns alone. It is no advice.
func (c candidate) unproven(why, remedy string) Finding {
	return Finding{
		Severity: Info, Object: c.Name,
		Evidence: c.beside() + ". Not proven: " + why,
		Remedy:   remedy,
	}
}

// mentions tells whether a statement may be about a table.
func mentions(text, table string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(table))
}
