package schema

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Migrations without a transaction build and drop indexes, and nothing else. These
// are the two statements that they may hold; the tests keep the files to them.
var (
	createIndexForm = regexp.MustCompile(`(?s)^CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+)\s+ON ovasabi\.(\w+) (.+)$`)
	dropIndexForm   = regexp.MustCompile(`^DROP INDEX CONCURRENTLY IF EXISTS ovasabi\.(\w+)$`)
)

// index is one to build: CREATE unique INDEX name ON schema.table rest.
type index struct {
	unique, name, schema, table, rest string
}

// runIndexes runs the statements of a migration without a transaction. Each may be
// run again after a kill: what stands is left, what is half done is done anew.
func (m *Migrator) runIndexes(ctx context.Context, text string) error {
	return m.session(ctx, func(conn *pgx.Conn) error {
		for _, statement := range statements(text) {
			var err error
			if create := createIndexForm.FindStringSubmatch(statement); create != nil {
				err = m.createIndex(ctx, conn, index{unique: create[1], name: create[2], schema: "ovasabi", table: create[3], rest: create[4]})
			} else if drop := dropIndexForm.FindStringSubmatch(statement); drop != nil {
				err = m.dropIndex(ctx, conn, "ovasabi", drop[1])
			} else {
				err = fault.New(fault.Internal, "a migration without a transaction may only build and drop indexes, not: %s", statement)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// statements splits the text of an index migration: no string in it holds a semicolon.
func statements(text string) []string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			b.WriteString(line)
		}
	}
	var all []string
	for part := range strings.SplitSeq(b.String(), ";") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// indexState reads whether the index is there, whether it can be used, and
// whether it belongs to a partitioned table ('I').
const indexStateSQL = `
SELECT c.relkind::text, i.indisvalid AND i.indisready AND i.indislive
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE c.oid = to_regclass($1)`

func indexState(ctx context.Context, conn *pgx.Conn, name string) (kind string, valid bool, err error) {
	err = conn.QueryRow(ctx, indexStateSQL, name).Scan(&kind, &valid)
	if fault.KindOf(fault.FromPostgres(err)) == fault.NotFound {
		return "", false, nil
	}
	return kind, valid, err
}

// createIndex builds an index while the table is read and written. What a killed
// build left is dropped first: IF NOT EXISTS would take it for done.
func (m *Migrator) createIndex(ctx context.Context, conn *pgx.Conn, ix index) error {
	name, table := qualified(ix.schema, ix.name), qualified(ix.schema, ix.table)
	kind, valid, err := indexState(ctx, conn, name)
	if err != nil {
		return err
	}
	if valid {
		return nil
	}
	var partitioned bool
	if err := conn.QueryRow(ctx, `SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = $1::text::regclass`, table).Scan(&partitioned); err != nil {
		return err
	}
	if partitioned {
		return m.createPartitionedIndex(ctx, conn, ix)
	}
	if kind != "" {
		m.o.Progress(fmt.Sprintf("%s was left half built: building it again", ix.name))
		if err := m.dropIndex(ctx, conn, ix.schema, ix.name); err != nil {
			return err
		}
	}
	return m.concurrently(ctx, conn, fmt.Sprintf("CREATE %sINDEX CONCURRENTLY %s ON %s %s", ix.unique, pgx.Identifier{ix.name}.Sanitize(), table, ix.rest))
}

const partitionsSQL = `
SELECT c.relname::text
FROM pg_catalog.pg_inherits AS h
JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
WHERE h.inhparent = $1::text::regclass
ORDER BY 1`

// createPartitionedIndex builds the index on each partition by itself, because
// CONCURRENTLY is refused on the whole, and then puts them under one name.
func (m *Migrator) createPartitionedIndex(ctx context.Context, conn *pgx.Conn, ix index) error {
	table, whole := qualified(ix.schema, ix.table), qualified(ix.schema, ix.name)
	rows, err := conn.Query(ctx, partitionsSQL, table)
	if err != nil {
		return err
	}
	partitions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	err = m.each(ctx, partitions, func(ctx context.Context, conn *pgx.Conn, partition string) error {
		part := ix
		part.table, part.name = partition, partName(ix.name, ix.table, partition)
		return m.createIndex(ctx, conn, part)
	})
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("CREATE %sINDEX IF NOT EXISTS %s ON ONLY %s %s", ix.unique, pgx.Identifier{ix.name}.Sanitize(), table, ix.rest))
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		// Attaching what is attached already does nothing.
		part := qualified(ix.schema, partName(ix.name, ix.table, partition))
		if _, err := conn.Exec(ctx, fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", whole, part)); err != nil {
			return err
		}
	}
	return nil
}

// partName is the name of a partition's part of an index: the same index's name and the partition's own ending.
func partName(index, table, partition string) string {
	return index + strings.TrimPrefix(partition, table)
}

// dropIndex drops an index while its table is read and written. That of a
// partitioned table goes in a moment under the lock_timeout: CONCURRENTLY is refused there.
func (m *Migrator) dropIndex(ctx context.Context, conn *pgx.Conn, schema, name string) error {
	full := qualified(schema, name)
	kind, _, err := indexState(ctx, conn, full)
	switch {
	case err != nil || kind == "":
		return err
	case kind == "I":
		_, err = conn.Exec(ctx, "DROP INDEX IF EXISTS "+full)
		return err
	default:
		return m.concurrently(ctx, conn, "DROP INDEX CONCURRENTLY IF EXISTS "+full)
	}
}

// concurrently runs a CONCURRENTLY statement with all of the patience for its
// lock_timeout: it waits for the transactions before it, and nobody who reads or
// writes waits behind it, but an end by timeout would throw the build away.
func (m *Migrator) concurrently(ctx context.Context, conn *pgx.Conn, statement string) (err error) {
	if _, err := conn.Exec(ctx, "SET lock_timeout = "+strconv.FormatInt(m.o.Patience.Milliseconds(), 10)); err != nil {
		return err
	}
	defer func() {
		if _, resetErr := conn.Exec(context.WithoutCancel(ctx), "RESET lock_timeout"); err == nil {
			err = resetErr
		}
	}()
	_, err = conn.Exec(ctx, statement)
	return err
}

func qualified(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }

// session runs fn on a connection of its own, whose statements are new each time
// and so are not prepared.
func (m *Migrator) session(ctx context.Context, fn func(conn *pgx.Conn) error) error {
	config := m.config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fault.New(fault.Unavailable, "could not connect to PostgreSQL to migrate: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if m.atWork {
		if err := holdWorkLock(ctx, conn); err != nil {
			return migrationFault(err)
		}
	}
	return fn(conn)
}
