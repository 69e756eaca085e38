package schema

import (
	"context"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// DefaultPartitions of service_event, where nothing else is asked for: none. What
// partitions cost and when they pay is measured in docs/partitioning.md.
const DefaultPartitions = 0

// maxPartitions bounds Options.Partitions: every partition is a file an index, and
// a lock for whoever does not name a campaign.
const maxPartitions = 1024

// kind says how a migration is run.
type kind int

const (
	plainSQL       kind = iota // one transaction
	indexBuilds                // -- +goose NO TRANSACTION: CONCURRENTLY
	onlineMove                 // -- +ovasabi MOVE table: its statements change a copy, which then takes the table's place
	partitionsMove             // -- +ovasabi PARTITION table: a move into Options.Partitions partitions
	afterCallers               // -- +ovasabi AFTER CALLERS: one transaction; down, after those of the application that are open
)

var (
	moveForm      = regexp.MustCompile(`(?m)^-- \+ovasabi (MOVE|PARTITION) (\w+)$`)
	callersForm   = regexp.MustCompile(`(?m)^-- \+ovasabi AFTER CALLERS$`)
	addColumnForm = regexp.MustCompile(`ADD COLUMN (\w+)`)
)

// kind returns how the migration is run and, for a move, of which table.
func (m migration) kind() (kind, string) {
	if mark := moveForm.FindStringSubmatch(m.text); mark != nil {
		if mark[1] == "PARTITION" {
			return partitionsMove, mark[2]
		}
		return onlineMove, mark[2]
	}
	switch {
	case noTransaction.MatchString(m.text):
		return indexBuilds, ""
	case callersForm.MatchString(m.text):
		return afterCallers, ""
	}
	return plainSQL, ""
}

// isText reports whether the migration is its text, which goose runs and writes down in one transaction.
func (m migration) isText() bool {
	k, _ := m.kind()
	return k == plainSQL || k == afterCallers
}

// runStep runs a migration that is more than its text, in one direction. It may be
// run again after it was cut short anywhere.
func (m *Migrator) runStep(ctx context.Context, step migration, up bool) error {
	k, table := step.kind()
	switch {
	case k == indexBuilds:
		return m.runIndexes(ctx, step.sql(up))
	case k == partitionsMove && up:
		wanted, err := m.wantedPartitions(ctx, table)
		if err != nil {
			return err
		}
		return m.partition(ctx, table, wanted)
	case k == partitionsMove:
		return m.partition(ctx, table, 0)
	case up:
		return m.changeOnline(ctx, table, statements(step.sql(up)))
	default:
		return m.runInTx(ctx, statements(step.sql(up)))
	}
}

// repartition brings a table that was migrated before into the partitions that
// the options ask for now.
func (m *Migrator) repartition(ctx context.Context, applied []int64) (moved bool, err error) {
	if m.o.Partitions == nil {
		return false, nil
	}
	for _, step := range migrations() {
		k, table := step.kind()
		if k != partitionsMove || !slices.Contains(applied, step.version) {
			continue
		}
		present, err := m.partitionCount(ctx, table)
		if err != nil {
			return moved, err
		}
		wanted, err := m.wantedPartitions(ctx, table)
		if err != nil {
			return moved, err
		}
		if present == wanted {
			continue
		}
		if err := m.moveTable(ctx, table, nil, wanted); err != nil {
			return moved, err
		}
		moved = true
	}
	return moved, nil
}

// partition brings a table into so many partitions, when it is not.
func (m *Migrator) partition(ctx context.Context, table string, wanted int) error {
	present, err := m.partitionCount(ctx, table)
	if err != nil || present == wanted {
		return err
	}
	return m.moveTable(ctx, table, nil, wanted)
}

// wantedPartitions is what the options say or, without them, what is there.
func (m *Migrator) wantedPartitions(ctx context.Context, table string) (int, error) {
	switch p := m.o.Partitions; {
	case p != nil && (*p < 0 || *p > maxPartitions):
		return 0, fault.Field("partitions", "must be from 0 (a plain table) to %d, not %d", maxPartitions, *p)
	case p != nil:
		return *p, nil
	}
	present, err := m.partitionCount(ctx, table)
	return max(present, DefaultPartitions), err
}

func (m *Migrator) partitionCount(ctx context.Context, table string) (int, error) {
	var n int
	err := m.db.QueryRowContext(ctx, `SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhparent = to_regclass($1)`, qualified("ovasabi", table)).Scan(&n)
	return n, migrationFault(err)
}

// changeOnline adds columns that rewrite the table, in a copy of it. Where the
// switch had happened before a kill, the columns are there.
func (m *Migrator) changeOnline(ctx context.Context, table string, change []string) error {
	for _, statement := range change {
		added := addColumnForm.FindStringSubmatch(statement)
		if added == nil {
			continue
		}
		var there bool
		err := m.db.QueryRowContext(ctx, `
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = to_regclass($1)
      AND a.attname = $2
      AND NOT a.attisdropped
)`, qualified("ovasabi", table), added[1]).Scan(&there)
		if err != nil {
			return migrationFault(err)
		}
		if there {
			return nil
		}
	}
	return m.moveTable(ctx, table, change, asBefore)
}

func (m *Migrator) runInTx(ctx context.Context, statements []string) error {
	return m.session(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return execAll(ctx, tx, statements...) })
	})
}
