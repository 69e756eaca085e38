package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

const partitionSelect = `
SELECT p.id
FROM laboratory.%[1]s AS p
WHERE p.campaign_id = $1::bigint
  AND p.id = $2::bigint`

func partitionPruning(ctx context.Context, s *stage) (Scenario, error) {
	l, err := s.laboratory(ctx)
	if err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "one row by its key, through a prepared statement"}
	rows := s.pick(100_000, 2000)
	tables := []struct {
		table, name string
		partitions  int
	}{{"whole", "before", 0}, {"parts_1", "1 partition", 1}, {"parts_8", "after", 8}, {"parts_32", "32 partitions", 32}, {"parts_128", "128 partitions", 128}}
	const campaigns = 200
	args := func(i int) []any { id := int64(i*7919%rows + 1); return []any{id % campaigns, id} }
	var ways []way
	for _, t := range tables {
		s.sayf("building %s", t.table)
		if err := s.partitioned(ctx, l, t.table, t.partitions, rows, campaigns); err != nil {
			return found, err
		}
		text := fmt.Sprintf(partitionSelect, t.table)
		for i := range 5 {
			ids, err := idsOf(ctx, l, text, args(i)...)
			if err != nil {
				return found, err
			}
			if !slices.Equal(ids, []int64{args(i)[1].(int64)}) {
				return found, fault.New(fault.Conflict, "%s returns %v for %v", t.table, ids, args(i))
			}
		}
		ways = append(ways, way{name: t.name, block: l.asking(s.pick(200, 10), text, args)})
	}
	if found.Figures, err = measure(ctx, s.plan(12, "a row by its key"), ways); err != nil {
		return found, err
	}
	for _, t := range tables {
		text := fmt.Sprintf(partitionSelect, t.table)
		e, err := l.pages(ctx, &found.Figures, t.name, text, args(1))
		if err != nil {
			return found, err
		}
		locks, err := l.locks(ctx, text, args(1))
		if err != nil {
			return found, err
		}
		found.Facts = append(found.Facts,
			Fact{fmt.Sprintf("planning the text anew, %d partitions", t.partitions), e.Planning, "ms"},
			Fact{fmt.Sprintf("locks of the first execution, %d partitions", t.partitions), locks, "locks"})
	}
	found.Note = "Before: one table. After: eight hash partitions by campaign. A read of one row pays for pruning, whatever the number of partitions; what partitions are for (smaller indexes, vacuum and reindex part by part) is not in this figure."
	return found, l.end(ctx)
}

func (s *stage) partitioned(ctx context.Context, l *laboratory, table string, partitions, rows, campaigns int) error {
	create := `CREATE TABLE laboratory.` + table + ` (campaign_id bigint NOT NULL, id bigint NOT NULL, body text NOT NULL, PRIMARY KEY (campaign_id, id))`
	if partitions > 0 {
		create += ` PARTITION BY HASH (campaign_id)`
	}
	if err := l.do(ctx, create); err != nil {
		return err
	}
	for i := range partitions {
		err := l.do(ctx, fmt.Sprintf(`CREATE TABLE laboratory.%[1]s_p%[2]d PARTITION OF laboratory.%[1]s FOR VALUES WITH (MODULUS %[3]d, REMAINDER %[2]d)`, table, i, partitions))
		if err != nil {
			return err
		}
	}
	return l.do(ctx, fmt.Sprintf(`INSERT INTO laboratory.%s (campaign_id, id, body) SELECT i %% %d, i, 'a sentence or two' FROM generate_series(1, %d) AS i`, table, campaigns, rows),
		`VACUUM (ANALYZE) laboratory.`+table)
}

// locks counts the relation locks that one execution holds until its transaction ends.
func (l *laboratory) locks(ctx context.Context, text string, args []any) (float64, error) {
	var n float64
	err := pgx.BeginFunc(ctx, l, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		if _, err := pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
SELECT count(*)::float8
FROM pg_catalog.pg_locks AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.relation
WHERE k.pid = pg_backend_pid()
  AND k.locktype = 'relation'
  AND c.relnamespace = 'laboratory'::regnamespace`).Scan(&n)
	})
	return n, fault.FromPostgres(err)
}
