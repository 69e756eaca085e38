package doctor

var primaryKey = check{
	id:    "table.primary_key",
	finds: "tables without a primary key",
	why:   "Nothing keeps a row from being there twice, and logical replication cannot carry its updates and deletes.",
	link:  docs + "ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS",
	sql: `
SELECT
    'info',
    format('%I.%I', n.nspname, c.relname),
    format('no primary key and no unique index, about %s rows', greatest(c.reltuples, 0)::bigint),
    format('ALTER TABLE %I.%I ADD PRIMARY KEY (…), with the campaign first where it has one', n.nspname, c.relname)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND c.relpersistence = 'p'
  AND NOT c.relispartition
  AND ` + userSchemas + `
  AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_index AS i
      WHERE i.indrelid = c.oid
        AND i.indisunique
  )
  AND NOT EXISTS (
      SELECT
      FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass
        AND d.objid = c.oid
        AND d.deptype = 'e'
  )
ORDER BY c.reltuples DESC
LIMIT 50`,
}

var unlogged = check{
	id:    "table.unlogged",
	finds: "unlogged tables",
	why:   "After a crash an unlogged table is empty, and a standby never has it.",
	link:  docs + "sql-createtable.html#SQL-CREATETABLE-UNLOGGED",
	sql: `
SELECT
    'warning',
    format('%I.%I', n.nspname, c.relname),
    format('is unlogged, about %s rows', greatest(c.reltuples, 0)::bigint),
    format('ALTER TABLE %I.%I SET LOGGED (rewrites the table under a lock), unless its rows may be lost', n.nspname, c.relname)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
  AND c.relpersistence = 'u'
  AND ` + userSchemas + `
ORDER BY 2
LIMIT 50`,
}

var notValid = check{
	id:    "constraint.not_valid",
	finds: "constraints that were never validated",
	why:   "Rows from before the constraint may break it, and the planner may not count on it.",
	link:  docs + "sql-altertable.html#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT",
	sql: `
SELECT
    'warning',
    format('%s on %I.%I', k.conname, n.nspname, c.relname),
    CASE WHEN k.conenforced THEN 'is NOT VALID: new rows are held to it, old ones never were' ELSE 'is NOT ENFORCED: no row is held to it' END,
    CASE
        WHEN k.conenforced THEN format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I (reads the table, and lets others read and write)', n.nspname, c.relname, k.conname)
        ELSE format('ALTER TABLE %I.%I ALTER CONSTRAINT %I ENFORCED, or drop it', n.nspname, c.relname, k.conname)
    END
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT k.convalidated
  AND k.conparentid = 0
  AND ` + userSchemas + `
ORDER BY 2
LIMIT 100`,
}
