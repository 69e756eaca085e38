package twintest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// result is what a side returned, as PostgreSQL writes it.
type result struct {
	columns  []column
	rows     [][]*string
	affected int64
}

type column struct {
	name     string
	typeOID  uint32
	modifier int32
}

// compare runs both sides under every plan, each from the same state, and
// returns how many rows the plain side returned or touched.
func compare(rt *rapid.T, ctx context.Context, tx pgx.Tx, tw *twin.Twin, args []any) int64 {
	var first *result
	for _, plan := range plans {
		for _, side := range []twin.Side{twin.Plain, twin.Optimised} {
			got, err := runSide(ctx, tx, plan, tw.SQL(side), args)
			if err != nil {
				rt.Fatalf("%s, %s side%s, arguments %v: %v", tw.Name(), side, under(plan), args, err)
			}
			if first == nil {
				first = got
				continue
			}
			if what := difference(first, got); what != "" {
				rt.Fatalf("%s: the %s side%s differs from the plain side, arguments %v: %s", tw.Name(), side, under(plan), args, what)
			}
		}
	}
	return first.affected
}

func under(plan string) string {
	if plan == "" {
		return ""
	}
	return " under " + plan
}

// runSide runs one text and undoes what it did, the plan's settings included.
func runSide(ctx context.Context, tx pgx.Tx, plan, sql string, args []any) (*result, error) {
	var got *result
	err := database.Savepoint(ctx, tx, func(ctx context.Context, tx pgx.Tx) error {
		if plan != "" {
			if _, err := tx.Exec(ctx, plan, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		var err error
		if got, err = read(ctx, tx, sql, args); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return nil, err
	}
	return got, nil
}

// read asks for every value as text, and for a plan of its own each time.
func read(ctx context.Context, tx pgx.Tx, sql string, args []any) (*result, error) {
	all := append([]any{pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)
	rows, err := tx.Query(ctx, sql, all...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	got := &result{}
	for _, f := range rows.FieldDescriptions() {
		got.columns = append(got.columns, column{name: f.Name, typeOID: f.DataTypeOID, modifier: f.TypeModifier})
	}
	for rows.Next() {
		values := make([]*string, len(got.columns))
		for i, raw := range rows.RawValues() {
			if raw != nil {
				text := string(raw)
				values[i] = &text
			}
		}
		got.rows = append(got.rows, values)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	got.affected = rows.CommandTag().RowsAffected()
	return got, nil
}

// difference says the first thing in which two results differ, or nothing.
func difference(want, got *result) string {
	if len(want.columns) != len(got.columns) {
		return fmt.Sprintf("%d columns, not %d", len(got.columns), len(want.columns))
	}
	for i, w := range want.columns {
		g := got.columns[i]
		switch {
		case g.name != w.name:
			return fmt.Sprintf("column %d is named %q, not %q", i+1, g.name, w.name)
		case g.typeOID != w.typeOID:
			return fmt.Sprintf("column %q has the type with OID %d, not %d", w.name, g.typeOID, w.typeOID)
		case g.modifier != w.modifier:
			return fmt.Sprintf("column %q has the type modifier %d, not %d", w.name, g.modifier, w.modifier)
		}
	}
	for r := range min(len(want.rows), len(got.rows)) {
		for c := range want.columns {
			if w, g := show(want.rows[r][c]), show(got.rows[r][c]); w != g {
				return fmt.Sprintf("row %d (of %d), column %q is %s, not %s", r+1, len(got.rows), want.columns[c].name, g, w)
			}
		}
	}
	if len(want.rows) != len(got.rows) {
		return fmt.Sprintf("%d rows, not %d", len(got.rows), len(want.rows))
	}
	if want.affected != got.affected {
		return fmt.Sprintf("%d rows touched, not %d", got.affected, want.affected)
	}
	return ""
}

func show(value *string) string {
	if value == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *value)
}
