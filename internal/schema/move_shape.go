package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// tableShape is a table as the catalog describes it.
type tableShape struct {
	name  string
	owner string
	// partitions hold the rows of a partitioned table; a plain one has none.
	partitions []string
	// columns can be written: those that the server generates are left out.
	columns []string
	indexes []tableIndex
	foreign []foreignKey
	// after are the statements that give the copy what LIKE does not: policies,
	// rights, comment. %s stands for the table.
	after []string
	// options are storage parameters such as autovacuum's, which partitions hold
	// for a partitioned table.
	options string
	forced  bool // row-level security holds for the owner as well
	// sequence numbers the identity column.
	sequence string
}

type tableIndex struct {
	Name       string
	Unique     bool
	Rest       string // of its definition, from USING on
	Constraint string // as PRIMARY KEY (…) or UNIQUE (…), when it is one
	Comment    string
}

type foreignKey struct{ Name, Definition string }

const shapeSQL = `
SELECT
    pg_catalog.pg_get_userbyid(c.relowner)::text,
    c.relforcerowsecurity,
    c.relkind::text = 'p',
    ARRAY(
        SELECT a.attname::text
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attnum
    ),
    coalesce((
        SELECT pg_catalog.pg_get_serial_sequence(c.oid::regclass::text, a.attname)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attidentity <> ''
    ), ''),
    coalesce((
        SELECT array_to_string(part.reloptions, ', ')
        FROM pg_catalog.pg_partition_tree(c.oid) AS tree
        JOIN pg_catalog.pg_class AS part ON part.oid = tree.relid
        WHERE tree.isleaf
        ORDER BY part.relname
        LIMIT 1
    ), array_to_string(c.reloptions, ', '), '')
FROM pg_catalog.pg_class AS c
WHERE c.oid = to_regclass($1)`

const shapeIndexesSQL = `
SELECT
    c.relname::text,
    i.indisunique,
    substring(pg_catalog.pg_get_indexdef(c.oid) FROM ' (USING .*)$'),
    coalesce(pg_catalog.pg_get_constraintdef(k.oid), ''),
    coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '')
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
WHERE i.indrelid = $1::text::regclass
ORDER BY NOT i.indisprimary, k.oid IS NULL, c.relname`

const shapeForeignSQL = `
SELECT k.conname::text, pg_catalog.pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_constraint AS k
WHERE k.conrelid = $1::text::regclass
  AND k.contype = 'f'
ORDER BY 1`

// shapeAfterSQL writes the statements of tableShape.after.
const shapeAfterSQL = `
SELECT 'ALTER TABLE %s ENABLE ROW LEVEL SECURITY'
FROM pg_catalog.pg_class AS c
WHERE c.oid = $1::text::regclass AND c.relrowsecurity
UNION ALL
SELECT format(
    'CREATE POLICY %I ON %%s AS %s FOR %s TO %s %s %s',
    p.polname,
    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    (
        SELECT string_agg(CASE WHEN granted.role = 0 THEN 'PUBLIC' ELSE granted.role::regrole::text END, ', ')
        FROM unnest(p.polroles) AS granted (role)
    ),
    'USING (' || replace(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '%', '%%') || ')',
    'WITH CHECK (' || replace(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '%', '%%') || ')'
)
FROM pg_catalog.pg_policy AS p
WHERE p.polrelid = $1::text::regclass
  AND p.polname <> 'schema_move'
UNION ALL
SELECT format(
    'GRANT %s%s ON %%s TO %s%s',
    acl.privilege_type,
    CASE WHEN acl.attname <> '' THEN format(' (%I)', acl.attname) END,
    CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
    CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' END
)
FROM (
    SELECT '' AS attname, c.relowner, item.grantee, item.privilege_type, item.is_grantable
    FROM pg_catalog.pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS item
    WHERE c.oid = $1::text::regclass
    UNION ALL
    SELECT a.attname, c.relowner, item.grantee, item.privilege_type, item.is_grantable
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL aclexplode(a.attacl) AS item
    WHERE c.oid = $1::text::regclass
) AS acl
WHERE acl.grantee <> acl.relowner
UNION ALL
SELECT format('COMMENT ON TABLE %%s IS %L', replace(d.description, '%', '%%'))
FROM pg_catalog.pg_description AS d
WHERE d.classoid = 'pg_class'::regclass
  AND d.objoid = $1::text::regclass
  AND d.objsubid = 0`

// readShape reads a table of the schema ovasabi from the catalog.
func readShape(ctx context.Context, conn *pgx.Conn, table string) (tableShape, error) {
	s := tableShape{name: table}
	name := qualified("ovasabi", table)
	var partitioned bool
	if err := conn.QueryRow(ctx, shapeSQL, name).Scan(&s.owner, &s.forced, &partitioned, &s.columns, &s.sequence, &s.options); err != nil {
		return s, err
	}
	collect := func(text string) ([]string, error) {
		rows, err := conn.Query(ctx, text, name)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	var err error
	if s.partitions, err = collect(partitionsSQL); err != nil {
		return s, err
	}
	if partitioned && len(s.partitions) == 0 {
		return s, fault.New(fault.Invalid, "ovasabi.%s is partitioned and has no partition: it cannot be moved", table)
	}
	rows, err := conn.Query(ctx, shapeIndexesSQL, name)
	if err != nil {
		return s, err
	}
	if s.indexes, err = pgx.CollectRows(rows, pgx.RowToStructByPos[tableIndex]); err != nil {
		return s, err
	}
	for _, ix := range s.indexes {
		if strings.HasPrefix(ix.Constraint, "EXCLUDE") {
			return s, fault.New(fault.Invalid, "ovasabi.%s has the exclusion constraint %s: it cannot be moved", table, ix.Name)
		}
	}
	if rows, err = conn.Query(ctx, shapeForeignSQL, name); err != nil {
		return s, err
	}
	if s.foreign, err = pgx.CollectRows(rows, pgx.RowToStructByPos[foreignKey]); err != nil {
		return s, err
	}
	s.after, err = collect(shapeAfterSQL)
	return s, err
}

// columnList is the columns as SQL lists them, each behind the prefix.
func (s tableShape) columnList(prefix string) string {
	list := make([]string, len(s.columns))
	for i, c := range s.columns {
		list[i] = prefix + pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(list, ", ")
}

// leaves are the tables on disk.
func (s tableShape) leaves() []string {
	if len(s.partitions) > 0 {
		return s.partitions
	}
	return []string{s.name}
}

// partitionNames are those of n hash partitions: service_event_p00, ….
func partitionNames(table string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s_p%02d", table, i)
	}
	return names
}
