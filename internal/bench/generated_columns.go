package bench

import (
	"context"
	"fmt"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	nameExpression = `CASE
    WHEN first_name IS NOT NULL AND last_name IS NOT NULL THEN first_name || ' ' || last_name
    WHEN username IS NOT NULL THEN username
    ELSE 'User#' || id::text
END`
	peopleTable = `
CREATE TABLE laboratory.%[1]s AS
SELECT
    i::bigint AS id,
    'user' || i AS username,
    CASE WHEN i %% 5 > 0 THEN 'First' || i %% 400 END AS first_name,
    CASE WHEN i %% 5 > 0 THEN 'Last' || i %% 4000 END AS last_name
FROM generate_series(1, %[2]d) AS i`
	insertPeople = `
INSERT INTO laboratory.%[1]s (id, username, first_name, last_name)
SELECT 10000000 + i, 'new' || i, 'First' || i, 'Last' || i
FROM generate_series(1, %[2]d) AS i`
	// lengths are what a read of many names comes to, without the cost of sending them.
	lengths = `
SELECT sum(length(%[2]s))::bigint
FROM laboratory.%[1]s`
)

func addName(table, kind string) string {
	return `ALTER TABLE laboratory.` + table + ` ADD COLUMN display_name text GENERATED ALWAYS AS (` + nameExpression + `) ` + kind
}

func generatedColumns(ctx context.Context, s *stage) (Scenario, error) {
	l, err := s.laboratory(ctx)
	if err != nil {
		return Scenario{}, err
	}
	rows := s.pick(200_000, 2000)
	found := Scenario{Of: fmt.Sprintf("adding a display name to %d users", rows)}
	fresh := func(table string) func(context.Context) error {
		return func(ctx context.Context) error {
			return l.do(ctx, `DROP TABLE IF EXISTS laboratory.`+table, fmt.Sprintf(peopleTable, table, rows))
		}
	}
	adding := func(table, kind string) way {
		return way{before: fresh(table), block: timed(func(ctx context.Context) error { return l.do(ctx, addName(table, kind)) })}
	}
	stored, virtual := adding("adding_stored", "STORED"), adding("adding_virtual", "VIRTUAL")
	stored.name, virtual.name = "before", "after"
	if found.Figures, err = measure(ctx, s.plan(8, "adding"), []way{stored, virtual}); err != nil {
		return found, err
	}
	for _, table := range []string{"plain", "stored", "virtual"} {
		if err := fresh(table)(ctx); err != nil {
			return found, err
		}
	}
	if err := l.do(ctx, addName("stored", "STORED"), addName("virtual", "VIRTUAL"),
		`VACUUM (ANALYZE) laboratory.plain`, `VACUUM (ANALYZE) laboratory.stored`, `VACUUM (ANALYZE) laboratory.virtual`); err != nil {
		return found, err
	}
	for _, part := range []func(context.Context, *laboratory, int) (Case, error){s.readingNames, s.writingNames} {
		c, err := part(ctx, l, rows)
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, c)
	}
	for _, table := range []string{"plain", "stored", "virtual"} {
		fact, err := l.fact(ctx, "size of the table, "+table, "MiB", `SELECT pg_catalog.pg_table_size(('laboratory.' || $1::text)::regclass)::float8 / 1048576`, table)
		if err != nil {
			return found, err
		}
		found.Facts = append(found.Facts, fact)
	}
	found.Note = "Before: a STORED column. After: a VIRTUAL one, which writes nothing when it is added and computes when it is read."
	return found, l.end(ctx)
}

func (s *stage) readingNames(ctx context.Context, l *laboratory, rows int) (Case, error) {
	texts := map[string]string{
		"in the query": fmt.Sprintf(lengths, "plain", nameExpression), "before": fmt.Sprintf(lengths, "stored", "display_name"), "after": fmt.Sprintf(lengths, "virtual", "display_name"),
	}
	var ways []way
	var first []int64
	for _, name := range []string{"in the query", "before", "after"} {
		sum, err := idsOf(ctx, l, texts[name])
		if err != nil {
			return Case{}, err
		}
		if first == nil {
			first = sum
		}
		if sum[0] != first[0] {
			return Case{}, fault.New(fault.Conflict, "the names are of %d characters together, and of %d in the query", sum[0], first[0])
		}
		ways = append(ways, way{name: name, block: l.asking(3, texts[name], func(int) []any { return nil })})
	}
	f, err := measure(ctx, s.plan(8, "reading"), ways)
	return Case{Name: fmt.Sprintf("reading %d names", rows), Figures: f}, err
}

func (s *stage) writingNames(ctx context.Context, l *laboratory, rows int) (Case, error) {
	n := max(rows/20, 10)
	writing := func(name, table string) way {
		return way{name: name, rows: n, before: func(ctx context.Context) error {
			return l.do(ctx, `DELETE FROM laboratory.`+table+` WHERE id > 10000000`, `VACUUM laboratory.`+table)
		}, block: timed(func(ctx context.Context) error { return l.do(ctx, fmt.Sprintf(insertPeople, table, n)) })}
	}
	f, err := measure(ctx, s.plan(8, "writing"), []way{writing("no column", "plain"), writing("before", "stored"), writing("after", "virtual")})
	if err == nil {
		err = l.do(ctx, `DELETE FROM laboratory.plain WHERE id > 10000000`, `DELETE FROM laboratory.stored WHERE id > 10000000`, `DELETE FROM laboratory.virtual WHERE id > 10000000`,
			`VACUUM laboratory.plain`, `VACUUM laboratory.stored`, `VACUUM laboratory.virtual`)
	}
	return Case{Name: fmt.Sprintf("writing %d rows", n), Figures: f}, err
}
