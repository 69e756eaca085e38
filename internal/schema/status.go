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

// Status reads the catalog; it takes no lock that anybody could wait for.
func (m *Migrator) Status(ctx context.Context) (Status, error) {
	s := Status{Latest: Latest(), Pending: []string{}, Invalid: []string{}, Drift: []Drift{}, Objects: []Object{}}
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
