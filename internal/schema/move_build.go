package schema

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// build gives the filled copy what the table has: each index, key and foreign key
// that is not there yet. Meanwhile writes are carried.
func (mv *move) build(ctx context.Context) error {
	for _, ix := range mv.table.indexes[1:] {
		if err := mv.checkpoint(ctx, "build "+ix.Name); err != nil {
			return err
		}
		mv.o.Progress(fmt.Sprintf("%s: building %s", mv.table.name, ix.Name))
		if err := mv.buildIndex(ctx, ix); err != nil {
			return err
		}
	}
	for _, fk := range mv.table.foreign {
		if err := mv.checkpoint(ctx, "build "+fk.Name); err != nil {
			return err
		}
		if err := mv.buildForeignKey(ctx, fk); err != nil {
			return err
		}
	}
	for _, ix := range mv.table.indexes {
		if ix.Comment == "" {
			continue
		}
		if _, err := mv.conn.Exec(ctx, "COMMENT ON INDEX "+qualified(nextSchema, ix.Name)+" IS '"+strings.ReplaceAll(ix.Comment, "'", "''")+"'"); err != nil {
			return err
		}
	}
	return mv.vacuum(ctx)
}

// vacuum gives the copy statistics for the planner, and a visibility map, from the
// first query on.
//
// What is empty is left out. The planner takes a table that was never vacuumed for
// one of ten pages, and one that was vacuumed when it was empty for one of none: it
// then plans sequential scans, which a connection keeps, as generic plans, while the
// table grows, until autovacuum has come by.
// Source: table_block_relation_estimate_size in PostgreSQL's src/backend/access/table/tableam.c.
func (mv *move) vacuum(ctx context.Context) error {
	var filled atomic.Bool
	err := mv.each(ctx, mv.nextLeaves(), func(ctx context.Context, conn *pgx.Conn, leaf string) error {
		name := qualified(nextSchema, leaf)
		if pages, err := pagesOf(ctx, conn, name); err != nil || pages == 0 {
			return err
		}
		if filled.CompareAndSwap(false, true) {
			mv.o.Progress(mv.table.name + ": vacuuming and analyzing the copy")
		}
		_, err := conn.Exec(ctx, "VACUUM (ANALYZE) "+name)
		return err
	})
	if err == nil && mv.partitions > 0 && filled.Load() {
		_, err = mv.conn.Exec(ctx, "ANALYZE ONLY "+qualified(nextSchema, mv.table.name))
	}
	return err
}

func (mv *move) buildIndex(ctx context.Context, ix tableIndex) error {
	unique := ""
	if ix.Unique {
		unique = "UNIQUE "
	}
	one := index{unique: unique, name: ix.Name, schema: nextSchema, table: mv.table.name, rest: ix.Rest}
	if ix.Constraint == "" {
		return mv.createIndex(ctx, mv.conn, one)
	}
	if exists, err := mv.hasConstraint(ctx, mv.table.name, ix.Name); err != nil || exists {
		return err
	}
	if mv.partitions == 0 {
		return mv.buildConstraint(ctx, one)
	}
	err := mv.each(ctx, mv.nextLeaves(), func(ctx context.Context, conn *pgx.Conn, partition string) error {
		part := one
		part.table, part.name = partition, partName(ix.Name, mv.table.name, partition)
		on := mv.on(conn)
		if exists, err := on.hasConstraint(ctx, partition, part.name); err != nil || exists {
			return err
		}
		return on.buildConstraint(ctx, part)
	})
	if err != nil {
		return err
	}
	return mv.inTx(ctx, ix.Name, func(tx pgx.Tx) error {
		next, whole := qualified(nextSchema, mv.table.name), pgx.Identifier{ix.Name}.Sanitize()
		statements := []string{"ALTER TABLE ONLY " + next + " ADD CONSTRAINT " + whole + " " + ix.Constraint}
		for _, partition := range partitionNames(mv.table.name, mv.partitions) {
			statements = append(statements, "ALTER INDEX "+qualified(nextSchema, ix.Name)+" ATTACH PARTITION "+qualified(nextSchema, partName(ix.Name, mv.table.name, partition)))
		}
		return execAll(ctx, tx, statements...)
	})
}

// buildConstraint builds a unique index and makes it the table's constraint.
func (mv *move) buildConstraint(ctx context.Context, ix index) error {
	if err := mv.createIndex(ctx, mv.conn, ix); err != nil {
		return err
	}
	name := pgx.Identifier{ix.name}.Sanitize()
	return mv.inTx(ctx, ix.name, func(tx pgx.Tx) error {
		return execAll(ctx, tx, "ALTER TABLE "+qualified(nextSchema, ix.table)+" ADD CONSTRAINT "+name+" UNIQUE USING INDEX "+name)
	})
}

func (mv *move) hasConstraint(ctx context.Context, table, name string) (exists bool, err error) {
	err = mv.conn.QueryRow(ctx, `
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid = $1::text::regclass
      AND k.conname = $2
)`, qualified(nextSchema, table), name).Scan(&exists)
	return exists, err
}

// buildForeignKey adds the key unchecked, under a lock of a moment, and then
// checks the rows under one that lets readers and writers pass.
func (mv *move) buildForeignKey(ctx context.Context, fk foreignKey) error {
	exists, err := mv.hasConstraint(ctx, mv.table.name, fk.Name)
	if err != nil {
		return err
	}
	next, name := qualified(nextSchema, mv.table.name), pgx.Identifier{fk.Name}.Sanitize()
	definition, unchecked := strings.CutSuffix(fk.Definition, " NOT VALID")
	if !exists {
		err := mv.inTx(ctx, fk.Name, func(tx pgx.Tx) error {
			return execAll(ctx, tx, "ALTER TABLE "+next+" ADD CONSTRAINT "+name+" "+definition+" NOT VALID")
		})
		if err != nil {
			return err
		}
	}
	if unchecked {
		return nil
	}
	return mv.inTx(ctx, fk.Name, func(tx pgx.Tx) error {
		return execAll(ctx, tx, "ALTER TABLE "+next+" VALIDATE CONSTRAINT "+name)
	})
}

// settle waits for every transaction that began before the copy was whole: under
// REPEATABLE READ it could look at the copy later and not see the copied rows.
func (mv *move) settle(ctx context.Context) error {
	if err := mv.awaitOlder(ctx, mv.conn, mv.table.name, anyRole); err != nil {
		return err
	}
	return mv.inTx(ctx, "verify", func(tx pgx.Tx) error {
		if err := recordSources(ctx, tx, "table", "ovasabi", mv.table.leaves()); err != nil {
			return err
		}
		return recordSources(ctx, tx, "copy", nextSchema, mv.nextLeaves())
	})
}

func (mv *move) nextLeaves() []string {
	if mv.partitions > 0 {
		return partitionNames(mv.table.name, mv.partitions)
	}
	return []string{mv.table.name}
}
