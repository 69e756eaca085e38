-- Every object of the schema with the text that defines it. Compared with what
-- the last migration recorded, it tells what was changed by hand. $1 lists the
-- migrator's own tables, which are left out.
SELECT
    'table' AS kind,
    c.relname::text AS name,
    concat_ws(
        ' ',
        CASE c.relkind WHEN 'p' THEN 'partitioned by ' || pg_catalog.pg_get_partkeydef(c.oid) ELSE 'plain' END,
        CASE WHEN c.relispartition THEN 'partition ' || pg_catalog.pg_get_expr(c.relpartbound, c.oid) END,
        CASE WHEN c.relrowsecurity THEN 'row security' END,
        CASE WHEN c.relforcerowsecurity THEN 'forced' END,
        'granted ' || coalesce((
            SELECT string_agg(item::text, ',' ORDER BY item::text)
            FROM unnest(c.relacl) AS acl (item)
        ), 'by default')
    ) AS definition
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'ovasabi'::regnamespace
  AND c.relkind IN ('r', 'p')
  AND NOT c.relname = ANY ($1::text[])
UNION ALL
SELECT
    'column',
    c.relname || '.' || a.attname,
    concat_ws(
        ' ',
        pg_catalog.format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        CASE a.attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY' END,
        CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END,
        pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    )
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'ovasabi'::regnamespace
  AND c.relkind IN ('r', 'p')
  AND NOT c.relname = ANY ($1::text[])
UNION ALL
SELECT 'index', c.relname::text, pg_catalog.pg_get_indexdef(c.oid)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
WHERE c.relnamespace = 'ovasabi'::regnamespace
  AND NOT t.relname = ANY ($1::text[])
UNION ALL
SELECT 'constraint', t.relname || '.' || k.conname, pg_catalog.pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
WHERE k.connamespace = 'ovasabi'::regnamespace
  AND k.contype <> 'n' -- NOT NULL is told with its column
  AND NOT t.relname = ANY ($1::text[])
UNION ALL
SELECT
    'policy',
    t.relname || '.' || p.polname,
    concat_ws(
        ' ',
        CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
        'for ' || p.polcmd::text,
        'to ' || (
            SELECT string_agg(CASE WHEN granted.role = 0 THEN 'public' ELSE granted.role::regrole::text END, ',' ORDER BY granted.role)
            FROM unnest(p.polroles) AS granted (role)
        ),
        'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid),
        'with check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    )
FROM pg_catalog.pg_policy AS p
JOIN pg_catalog.pg_class AS t ON t.oid = p.polrelid
WHERE t.relnamespace = 'ovasabi'::regnamespace
  AND p.polname <> 'schema_move' -- of a move, for as long as it lasts
UNION ALL
SELECT
    'function',
    f.oid::regprocedure::text,
    pg_catalog.pg_get_functiondef(f.oid) || ' OWNER ' || f.proowner::regrole::text
FROM pg_catalog.pg_proc AS f
WHERE f.pronamespace = 'ovasabi'::regnamespace
  AND f.prokind IN ('f', 'p')
  AND NOT EXISTS ( -- an extension's own functions are told by its version
      SELECT
      FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_proc'::regclass
        AND d.objid = f.oid
        AND d.deptype = 'e'
  )
UNION ALL
SELECT 'extension', e.extname::text, e.extversion
FROM pg_catalog.pg_extension AS e
WHERE e.extnamespace = 'ovasabi'::regnamespace
UNION ALL
SELECT 'trigger', t.relname || '.' || g.tgname, pg_catalog.pg_get_triggerdef(g.oid)
FROM pg_catalog.pg_trigger AS g
JOIN pg_catalog.pg_class AS t ON t.oid = g.tgrelid
WHERE t.relnamespace = 'ovasabi'::regnamespace
  AND NOT g.tgisinternal
  AND g.tgname NOT LIKE 'schema\_move\_%'
UNION ALL
SELECT 'statistics', s.stxname::text, pg_catalog.pg_get_statisticsobjdef(s.oid)
FROM pg_catalog.pg_statistic_ext AS s
WHERE s.stxnamespace = 'ovasabi'::regnamespace
