package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Step is one migration that a run would make, with the SQL that it would send.
type Step struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Phase   Phase  `json:"phase"`
	SQL     string `json:"sql"`
}

// Plan returns the steps that Up (or Down) to the phase would take, and changes nothing.
func (m *Migrator) Plan(ctx context.Context, to Phase, up bool) ([]Step, error) {
	applied, err := m.applied(ctx)
	if err != nil {
		return nil, err
	}
	pending := pendingUp(applied, to)
	if !up {
		pending = pendingDown(applied, to)
	}
	if up && m.o.Partitions != nil { // a wish for partitions is one for tables that were migrated before as well
		for _, step := range migrations() {
			if k, _ := step.kind(); k == partitionsMove && slices.Contains(applied, step.version) {
				pending = append(pending, step)
			}
		}
	}
	steps := []Step{}
	for _, p := range pending {
		text, err := m.stepSQL(ctx, p, up)
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{Version: p.version, Name: p.name, Phase: phaseOf(p.version), SQL: text})
	}
	return steps, nil
}

// stepSQL is what a step sends, as far as that can be told before it runs.
func (m *Migrator) stepSQL(ctx context.Context, step migration, up bool) (string, error) {
	text := step.sql(up)
	k, table := step.kind()
	partitions := asBefore
	switch {
	case k == afterCallers && !up:
		return "-- after the transactions of " + applicationRole + " that are open then have ended:\n" + text, nil
	case k == partitionsMove:
		var err error
		if partitions, err = m.plannedPartitions(ctx, table, up); err != nil {
			return "", err
		}
		if partitions == asBefore {
			return "-- ovasabi." + table + " stays as it is", nil
		}
	case k != onlineMove || !up:
		return text, nil
	}
	var exists bool
	if err := m.db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, qualified("ovasabi", table)).Scan(&exists); err != nil {
		return "", migrationFault(err)
	}
	if !exists {
		return fmt.Sprintf("-- ovasabi.%s, which the steps above make, is moved into a copy that differs in this:\n%s", table, withPartitions(text, partitions)), nil
	}
	var sql string
	err := m.session(ctx, func(conn *pgx.Conn) error {
		mv := &move{Migrator: m, conn: conn, change: statements(text), partitions: partitions}
		var err error
		if mv.table, err = readShape(ctx, conn, table); err != nil {
			return err
		}
		if partitions == asBefore {
			mv.partitions = len(mv.table.partitions)
		}
		sql, err = mv.planSQL(ctx)
		return err
	})
	return sql, migrationFault(err)
}

// plannedPartitions is how many a table would have afterwards, or asBefore.
func (m *Migrator) plannedPartitions(ctx context.Context, table string, up bool) (int, error) {
	present, err := m.partitionCount(ctx, table)
	if err != nil {
		return 0, err
	}
	wanted := 0
	if up {
		if wanted, err = m.wantedPartitions(ctx, table); err != nil {
			return 0, err
		}
	}
	if wanted == present {
		return asBefore, nil
	}
	return wanted, nil
}

func withPartitions(text string, partitions int) string {
	if partitions > 0 {
		return fmt.Sprintf("-- PARTITION BY HASH (campaign_id), %d partitions", partitions)
	}
	return text
}

// planSQL is a move's statements for the table as it is now. What the steps before
// it add to the table is moved as well.
func (mv *move) planSQL(ctx context.Context) (string, error) {
	pages, err := mv.sizeInPages(ctx)
	if err != nil {
		return "", err
	}
	next := qualified(nextSchema, mv.table.name)
	var build []string
	if !mv.isSmall(pages) {
		for _, ix := range mv.table.indexes[1:] {
			build = append(build, ix.createAtOnce(next))
		}
		for _, fk := range mv.table.foreign {
			build = append(build, "ALTER TABLE "+next+" ADD CONSTRAINT "+pgx.Identifier{fk.Name}.Sanitize()+" "+fk.Definition)
		}
	}
	if pages > 0 {
		build = append(build, "VACUUM (ANALYZE) "+next)
	}
	var b strings.Builder
	part := func(comment string, statements ...string) {
		b.WriteString("-- " + comment + "\n")
		for _, s := range statements {
			b.WriteString(strings.TrimSpace(s) + ";\n")
		}
	}
	part(fmt.Sprintf("move ovasabi.%s into a copy and give the copy its name", mv.table.name))
	part("prepare, in one transaction", mv.prepareSQL(pages)...)
	part("copy, page by page", "WITH RECURSIVE seen AS ("+fmt.Sprintf(mv.copyBatchSQL(), qualified("ovasabi", mv.table.leaves()[0]), 0, firstBatch)+")\nSELECT seen.rows FROM seen")
	part("build, CONCURRENTLY and partition by partition; foreign keys NOT VALID, then VALIDATE", build...)
	part("wait for the transactions that are open then, and compare every row")
	part("switch, in one transaction", mv.exchangeSQL()...)
	part("clean", "DROP SCHEMA "+oldSchema+", "+nextSchema+" CASCADE")
	return strings.TrimSpace(b.String()), nil
}
