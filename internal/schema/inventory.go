package schema

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

//go:embed inventory.sql
var inventorySQL string

// ownTables are the migrator's, and not part of the schema that it keeps.
var ownTables = []string{"schema_version", "schema_object", "schema_move", "schema_move_source", "schema_verification"}

const objectTableSQL = `
CREATE TABLE IF NOT EXISTS ovasabi.schema_object (
    kind       text NOT NULL,
    name       text NOT NULL,
    definition text NOT NULL,
    PRIMARY KEY (kind, name)
)`

// recordSQL brings the record to what stands now, but for the objects in $2:
// those were changed by hand before this run, and stay reported.
const recordSQL = `
WITH present AS (` + "%s" + `
    UNION ALL
    SELECT 'applied', 'migrations', $3
),
gone AS (
    DELETE FROM ovasabi.schema_object AS o
    WHERE NOT EXISTS (SELECT FROM present AS p WHERE p.kind = o.kind AND p.name = o.name)
      AND NOT concat(o.kind, ' ', o.name) = ANY ($2::text[])
)
INSERT INTO ovasabi.schema_object AS o (kind, name, definition)
SELECT p.kind, p.name, coalesce(p.definition, '')
FROM present AS p
WHERE NOT concat(p.kind, ' ', p.name) = ANY ($2::text[])
ON CONFLICT (kind, name) DO UPDATE
SET definition = excluded.definition
WHERE o.definition <> excluded.definition`

// record writes down every object as it stands after the applied migrations.
func (m *Migrator) record(ctx context.Context, applied []int64, byHand []Drift) error {
	if _, err := m.db.ExecContext(ctx, objectTableSQL); err != nil {
		return migrationFault(err)
	}
	except := make([]string, len(byHand))
	for i, d := range byHand {
		except[i] = d.Object
	}
	_, err := m.db.ExecContext(ctx, fmt.Sprintf(recordSQL, inventorySQL), ownTables, except, fmt.Sprint(applied))
	if err != nil {
		return migrationFault(err)
	}
	return nil
}

// recorded reports whether the record is of these migrations. It is not when a
// migrator was killed after its last step.
func (m *Migrator) recorded(ctx context.Context, applied []int64) (bool, error) {
	var exists, same bool
	if err := m.db.QueryRowContext(ctx, `SELECT to_regclass('ovasabi.schema_object') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return false, migrationFault(err)
	}
	err := m.db.QueryRowContext(ctx, `
SELECT EXISTS (
    SELECT
    FROM ovasabi.schema_object AS o
    WHERE o.kind = 'applied' AND o.name = 'migrations' AND o.definition = $1
)`, fmt.Sprint(applied)).Scan(&same)
	return same, migrationFault(err)
}

// Drift is one object that is not as the last migration left it.
type Drift struct {
	// Object is its kind and name, such as "index idx_content_campaign_status".
	Object string `json:"object"`
	// Problem is missing, changed or added.
	Problem string `json:"problem"`
	// Recorded and Present are the definitions then and now; one of them may be empty.
	Recorded string `json:"recorded,omitempty"`
	Present  string `json:"present,omitempty"`
}

const driftSQL = `
WITH present AS (` + "%s" + `)
SELECT
    coalesce(p.kind || ' ' || p.name, o.kind || ' ' || o.name),
    CASE
        WHEN p.name IS NULL THEN 'missing'
        WHEN o.name IS NULL THEN 'added'
        ELSE 'changed'
    END,
    coalesce(o.definition, ''),
    coalesce(p.definition, '')
FROM present AS p
FULL JOIN ovasabi.schema_object AS o ON o.kind = p.kind AND o.name = p.name
WHERE p.definition IS DISTINCT FROM o.definition
  AND o.kind IS DISTINCT FROM 'applied'
ORDER BY 1`

func (m *Migrator) drift(ctx context.Context) ([]Drift, error) {
	return query[Drift](ctx, m.db, fmt.Sprintf(driftSQL, inventorySQL), ownTables)
}

// query reads rows into structs by position, over pgx itself: database/sql knows no arrays.
func query[T any](ctx context.Context, db *sql.DB, text string, args ...any) ([]T, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, migrationFault(err)
	}
	defer conn.Close()
	var out []T
	err = conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn() //nolint:forcetypeassert // the DB was opened with stdlib
		rows, err := c.Query(ctx, text, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[T])
		return err
	})
	if err != nil {
		return nil, migrationFault(err)
	}
	return out, nil
}
