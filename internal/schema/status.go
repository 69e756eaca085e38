package schema

import (
	"context"
)

// Status is where a database stands. Its JSON is a contract.
type Status struct {
	// Phase is the highest phase of which every migration is applied.
	Phase Phase `json:"phase"`
	// Latest is the newest phase that this binary knows.
	Latest Phase `json:"latest"`
	// Pending are the migrations that `up` would apply.
	Pending []string `json:"pending"`
	// Invalid are indexes that a build left unusable.
	Invalid []string `json:"invalid"`
	// Unfinished is work that was cut short: the next `up` goes on with it, `down` undoes it.
	Unfinished []string `json:"unfinished"`
	// Partitions are the tables in partitions, and how many each has.
	Partitions map[string]int `json:"partitions"`
	// Drift are objects changed by hand since the last migration.
	Drift []Drift `json:"drift"`
	// Objects are the tables and indexes with their sizes.
	Objects []Object `json:"objects"`
}

// Object is a table or an index.
type Object struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Table string `json:"table,omitempty"`
	// Bytes on disk; of a partitioned table or index, of all its parts.
	Bytes int64 `json:"bytes"`
	// Rows as the planner estimates them; -1 when never analyzed, or an index.
	Rows int64 `json:"rows"`
}

const invalidSQL = `
SELECT format('%s on %s', i.indexrelid::regclass, i.indrelid::regclass)
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND NOT (i.indisvalid AND i.indisready AND i.indislive)
ORDER BY 1`

const objectsSQL = `
SELECT
    CASE WHEN c.relkind IN ('r', 'p') THEN 'table' ELSE 'index' END,
    c.relname::text,
    coalesce(i.indrelid::regclass::text, ''),
    CASE
        WHEN c.relkind IN ('p', 'I') THEN (
            SELECT coalesce(sum(pg_catalog.pg_relation_size(part.relid)), 0)::bigint
            FROM pg_catalog.pg_partition_tree(c.oid) AS part
            WHERE part.isleaf
        )
        WHEN c.relkind = 'r' THEN pg_catalog.pg_table_size(c.oid)
        ELSE pg_catalog.pg_relation_size(c.oid)
    END,
    CASE WHEN c.relkind IN ('r', 'p') THEN c.reltuples::bigint ELSE -1 END
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND c.relkind IN ('r', 'p', 'i', 'I')
  AND NOT c.relispartition
ORDER BY 1 DESC, 2`

const partitionedSQL = `
SELECT c.relname::text, (SELECT count(*) FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = c.oid)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND c.relkind = 'p'
  AND NOT c.relispartition
ORDER BY 1`

// unfinished tells of a move that was cut short, with the place that it reached.
func (m *Migrator) unfinished(ctx context.Context) ([]string, error) {
	var exists bool
	if err := m.db.QueryRowContext(ctx, `SELECT to_regclass('ovasabi.schema_move_source') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return []string{}, migrationFault(err)
	}
	type row struct{ Line string }
	moves, err := query[row](ctx, m.db, `
SELECT format('move of %s: %s, begun at %s, %s%% of the pages copied', m.table_name, m.stage, m.started_at, coalesce(round(100 * sum(s.next_block) / NULLIF(sum(s.blocks), 0)), 100))
FROM ovasabi.schema_move AS m
LEFT JOIN ovasabi.schema_move_source AS s ON s.side = 'table'
GROUP BY m.table_name, m.stage, m.started_at`)
	lines := make([]string, len(moves))
	for i, move := range moves {
		lines[i] = move.Line
	}
	return lines, err
}

// Status reads the catalog; it takes no lock that anybody could wait for.
func (m *Migrator) Status(ctx context.Context) (Status, error) {
	s := Status{Latest: Latest(), Pending: []string{}, Invalid: []string{}, Unfinished: []string{}, Partitions: map[string]int{}, Drift: []Drift{}, Objects: []Object{}}
	if err := m.checkOurs(ctx); err != nil {
		return s, err
	}
	applied, err := m.applied(ctx)
	if err != nil {
		return s, err
	}
	pending := pendingUp(applied, s.Latest)
	s.Phase = s.Latest
	for _, p := range pending {
		s.Pending = append(s.Pending, p.name)
		s.Phase = min(s.Phase, phaseOf(p.version)-1)
	}
	type row struct{ Name string }
	invalid, err := query[row](ctx, m.db, invalidSQL)
	if err != nil {
		return s, err
	}
	for _, i := range invalid {
		s.Invalid = append(s.Invalid, i.Name)
	}
	if s.Unfinished, err = m.unfinished(ctx); err != nil {
		return s, err
	}
	type parted struct {
		Name  string
		Count int
	}
	partitioned, err := query[parted](ctx, m.db, partitionedSQL)
	if err != nil {
		return s, err
	}
	for _, p := range partitioned {
		s.Partitions[p.Name] = p.Count
	}
	if s.Objects, err = query[Object](ctx, m.db, objectsSQL); err != nil {
		return s, err
	}
	if len(applied) == 0 {
		return s, nil
	}
	drift, err := m.drift(ctx)
	if err != nil {
		return s, err
	}
	s.Drift = append(s.Drift, drift...)
	return s, nil
}
