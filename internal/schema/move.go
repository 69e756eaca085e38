package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// A move gives a table another shape while it is read and written: a copy of that
// shape is filled beside it and then takes its place and its name.
//
//  1. prepare: the copy is made, empty, and triggers on the table carry every
//     write into it within the writer's own transaction.
//  2. copy: the rows that were there before are copied in short batches, in the
//     order in which they lie on disk. The place reached is kept, so that a move
//     that was cut short goes on from there.
//  3. build: the indexes, keys and foreign keys of the table are built on the copy.
//  4. settle: transactions that began before the copy was whole are waited for. One
//     that still reads an old snapshot would find rows missing in the copy.
//  5. verify: every row of the table is compared with the copy, byte for byte, and
//     every row of the copy is looked for in the table.
//  6. switch: under a lock of some milliseconds the two change places.
//  7. clean: the old table is dropped.
//
// The triggers live only between 1 and 6.
type move struct {
	*Migrator
	conn  *pgx.Conn
	state moveState
	// table is what is moved, as the catalog has it.
	table tableShape
	// change is what makes the empty copy differ from the table: columns are added.
	change []string
	// partitions of the copy by hash of campaign_id; 0 makes it plain.
	partitions int
}

// nextSchema holds the copy while it is filled, oldSchema the table from the
// switch until it is dropped. Names of indexes and constraints are those of a
// schema, so that the copy bears the table's own names from the beginning.
const (
	nextSchema = "ovasabi_next"
	oldSchema  = "ovasabi_old"
)

// moveStage is how far a move has come. Every stage may be run again.
type moveStage string

const (
	stageCopy     moveStage = "copy"
	stageBuild    moveStage = "build"
	stageSettle   moveStage = "settle"
	stageVerify   moveStage = "verify"
	stageSwitched moveStage = "switched"
)

// moveState is the one move of a database, as ovasabi.schema_move keeps it.
type moveState struct {
	Table string    `json:"table"`
	Shape string    `json:"shape"`
	Stage moveStage `json:"stage"`
}

const moveTablesSQL = `
CREATE TABLE IF NOT EXISTS ovasabi.schema_move (
    table_name text NOT NULL,
    shape      text NOT NULL,
    stage      text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schema_move_pkey PRIMARY KEY (table_name)
);
CREATE TABLE IF NOT EXISTS ovasabi.schema_move_source (
    source     text NOT NULL,
    side       text NOT NULL,
    filenode   bigint NOT NULL,
    blocks     bigint NOT NULL,
    next_block bigint NOT NULL DEFAULT 0,
    CONSTRAINT schema_move_source_pkey PRIMARY KEY (side, source)
)`

// pendingMove reads the move that was begun and not ended, if there is one.
func pendingMove(ctx context.Context, q rowQuerier) (*moveState, error) {
	var exists bool
	if err := q.QueryRow(ctx, `SELECT to_regclass('ovasabi.schema_move') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return nil, migrationFault(err)
	}
	var s moveState
	err := q.QueryRow(ctx, `SELECT table_name, shape, stage FROM ovasabi.schema_move`).Scan(&s.Table, &s.Shape, &s.Stage)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &s, migrationFault(err)
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// asBefore keeps the number of partitions.
const asBefore = -1

// moveTable brings a table to a shape: with the columns that the statements in
// change add, in so many partitions. It goes on with a move to the same shape that
// was cut short, and undoes one to another shape first.
func (m *Migrator) moveTable(ctx context.Context, table string, change []string, partitions int) error {
	return m.session(ctx, func(conn *pgx.Conn) error {
		mv := &move{Migrator: m, conn: conn, change: change, partitions: partitions}
		var err error
		if mv.table, err = readShape(ctx, conn, table); err != nil {
			return err
		}
		if partitions == asBefore {
			mv.partitions = len(mv.table.partitions)
		}
		shape := strings.Join(append([]string{strconv.Itoa(mv.partitions) + " partitions"}, change...), "; ")
		state, err := pendingMove(ctx, conn)
		if err != nil {
			return err
		}
		if state != nil && (state.Table != table || state.Shape != shape) {
			if err := m.endMove(ctx, conn, *state); err != nil {
				return err
			}
			state = nil
		}
		if state == nil {
			if err := mv.prepare(ctx, shape); err != nil {
				return err
			}
		} else {
			mv.state = *state
			m.o.Progress(fmt.Sprintf("%s: going on with a move that was cut short", table))
		}
		return mv.run(ctx)
	})
}

func anyMove(moveState) bool { return true }

// endLeftMove ends a move that an earlier run left, if the condition holds for it.
func (m *Migrator) endLeftMove(ctx context.Context, condition func(moveState) bool) error {
	return m.session(ctx, func(conn *pgx.Conn) error {
		state, err := pendingMove(ctx, conn)
		if err != nil || state == nil || !condition(*state) {
			return err
		}
		return m.endMove(ctx, conn, *state)
	})
}

// goesOn reports whether a run will take up the move that an earlier one left.
func (m *Migrator) goesOn(s moveState, pending []migration, up bool) bool {
	if s.Stage == stageSwitched {
		return false
	}
	if up && m.o.Partitions != nil {
		return true
	}
	return slices.ContainsFunc(pending, func(step migration) bool {
		k, table := step.kind()
		return table == s.Table && (up || k == partitionsMove)
	})
}

// endMove undoes a move that was cut short, or cleans up behind one that had switched.
func (m *Migrator) endMove(ctx context.Context, conn *pgx.Conn, state moveState) error {
	mv := &move{Migrator: m, conn: conn, state: state}
	if state.Stage == stageSwitched {
		return mv.clean(ctx)
	}
	m.o.Progress(fmt.Sprintf("%s: undoing a move that was cut short", state.Table))
	return mv.abandon(ctx)
}

// run takes the stages that are left.
func (mv *move) run(ctx context.Context) error {
	stages := []struct {
		stage moveStage
		run   func(context.Context) error
	}{
		{stageCopy, mv.copyRows},
		{stageBuild, mv.build},
		{stageSettle, mv.settle},
		{stageVerify, mv.verifyAndSwitch},
		{stageSwitched, mv.clean},
	}
	started := false
	for i, s := range stages {
		started = started || s.stage == mv.state.Stage
		if !started {
			continue
		}
		if err := mv.checkpoint(ctx, "move "+string(s.stage)); err != nil {
			return err
		}
		begun := time.Now()
		if err := s.run(ctx); err != nil {
			return err
		}
		mv.o.Log.InfoContext(ctx, "move", "table", mv.state.Table, "stage", string(s.stage), "seconds", time.Since(begun).Seconds())
		if s.stage == stageVerify || s.stage == stageSwitched {
			continue // the switch writes its stage itself, and the end leaves none
		}
		if err := mv.reach(ctx, stages[i+1].stage); err != nil {
			return err
		}
	}
	return nil
}

// reach keeps the stage that comes next.
func (mv *move) reach(ctx context.Context, stage moveStage) error {
	_, err := mv.conn.Exec(ctx, `UPDATE ovasabi.schema_move SET stage = $1`, string(stage))
	mv.state.Stage = stage
	return err
}

// inTx runs fn in a transaction, again and again while it meets others' locks.
func (mv *move) inTx(ctx context.Context, name string, fn func(tx pgx.Tx) error) error {
	return mv.retry(ctx, mv.state.Table+": "+name, func() error {
		tx, err := mv.conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(context.WithoutCancel(ctx))
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
}

func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// checkMovable refuses what the copy could not stand in for.
func (mv *move) checkMovable(ctx context.Context) error {
	rows, err := mv.conn.Query(ctx, dependentsSQL, qualified("ovasabi", mv.table.name))
	if err != nil {
		return err
	}
	dependents, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(dependents) > 0 {
		return fault.New(fault.Invalid, "ovasabi.%s cannot be moved while others hold on to it (%s): drop them, migrate, and make them again", mv.table.name, dependents)
	}
	return nil
}

// dependentsSQL lists what refers to the table by its identity and not by its name.
const dependentsSQL = `
SELECT format('foreign key %s of %s', k.conname, k.conrelid::regclass)
FROM pg_catalog.pg_constraint AS k
WHERE k.contype = 'f'
  AND k.conparentid = 0
  AND k.confrelid = $1::text::regclass
UNION ALL
SELECT format('view %s', r.ev_class::regclass)
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
WHERE d.classid = 'pg_rewrite'::regclass
  AND d.refclassid = 'pg_class'::regclass
  AND d.refobjid = $1::text::regclass
UNION ALL
SELECT format('function %s', d.objid::regprocedure)
FROM pg_catalog.pg_depend AS d
WHERE d.classid = 'pg_proc'::regclass
  AND d.refclassid = 'pg_class'::regclass
  AND d.refobjid = $1::text::regclass
UNION ALL
SELECT format('publication %s', p.pubname)
FROM pg_catalog.pg_publication_rel AS pr
JOIN pg_catalog.pg_publication AS p ON p.oid = pr.prpubid
WHERE pr.prrelid = $1::text::regclass
UNION ALL
SELECT format('trigger %s', t.tgname)
FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid = $1::text::regclass
  AND NOT t.tgisinternal
  AND t.tgname NOT LIKE 'schema\_move\_%'
ORDER BY 1`
