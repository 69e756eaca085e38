package doctor

var timeZone = check{
	id:    "locale.time_zone",
	finds: "time zones that differ, and columns without one",
	why:   "A timestamp without a zone means another moment for each reader, and sessions in different zones read and write them differently; in a zone with summer time one hour a year is told twice.",
	link:  docs + "datatype-datetime.html#DATATYPE-TIMEZONES",
	sql: `
SELECT
    'warning',
    CASE
        WHEN s.setrole = 0 THEN 'database ' || d.datname
        WHEN s.setdatabase = 0 THEN 'role ' || s.setrole::regrole::text
        ELSE format('role %s in database %s', s.setrole::regrole, d.datname)
    END,
    format('its sessions run in %s, those of others in %s', substr(c.entry, 10), g.boot),
    CASE
        WHEN s.setrole = 0 THEN format('ALTER DATABASE %I RESET timezone', d.datname)
        WHEN s.setdatabase = 0 THEN format('ALTER ROLE %s RESET timezone', s.setrole::regrole)
        ELSE format('ALTER ROLE %s IN DATABASE %I RESET timezone', s.setrole::regrole, d.datname)
    END
FROM pg_catalog.pg_db_role_setting AS s
CROSS JOIN LATERAL unnest(s.setconfig) AS c (entry)
LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
CROSS JOIN (SELECT t.reset_val AS boot FROM pg_catalog.pg_settings AS t WHERE t.name = 'log_timezone') AS g
WHERE lower(c.entry) LIKE 'timezone=%'
  AND lower(substr(c.entry, 10)) <> lower(g.boot)
  AND s.setdatabase IN (0, (SELECT o.oid FROM pg_catalog.pg_database AS o WHERE o.datname = current_database()))
UNION ALL
SELECT
    'info',
    s.name,
    format('%s is %s (%s)', s.name, s.reset_val, s.source),
    format('ALTER SYSTEM SET %I = ''UTC''; SELECT pg_reload_conf()', s.name)
FROM pg_catalog.pg_settings AS s
WHERE s.name IN ('TimeZone', 'log_timezone')
  AND s.source NOT IN ('client', 'session', 'database', 'user', 'database user')
  AND s.reset_val NOT IN ('UTC', 'Etc/UTC', 'GMT', 'Etc/GMT', 'Etc/UCT', 'UCT', 'Zulu', 'Etc/Zulu', 'Universal', 'Etc/Universal')
UNION ALL
SELECT
    'info',
    format('%I.%I', n.nspname, c.relname),
    format('%s columns are timestamp without time zone: %s', count(*), string_agg(a.attname, ', ' ORDER BY a.attnum)),
    'use timestamptz for moments; ALTER TABLE … ALTER COLUMN … TYPE timestamptz USING … AT TIME ZONE ''UTC'' rewrites the table'
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.atttypid = 'pg_catalog.timestamp'::regtype
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND NOT (n.nspname = 'ovasabi' AND c.relname = 'schema_version') -- goose's own
  AND ` + userSchemas + `
GROUP BY n.nspname, c.relname
ORDER BY 1, 2
LIMIT 50`,
}

var encoding = check{
	id:    "locale.encoding",
	finds: "a database that is not UTF8",
	why:   "SQL_ASCII takes any bytes, so that texts of different encodings stand side by side and cannot be told apart; other encodings refuse most of the world's letters.",
	link:  docs + "multibyte.html",
	sql: `
SELECT
    CASE WHEN pg_catalog.pg_encoding_to_char(d.encoding) = 'SQL_ASCII' THEN 'error' ELSE 'warning' END,
    'database ' || d.datname,
    'its encoding is ' || pg_catalog.pg_encoding_to_char(d.encoding),
    'dump it, make a new database with ENCODING ''UTF8'' TEMPLATE template0, and load it there'
FROM pg_catalog.pg_database AS d
WHERE d.datname = current_database()
  AND pg_catalog.pg_encoding_to_char(d.encoding) <> 'UTF8'`,
}

var collation = check{
	id:    "locale.collation",
	finds: "collations whose order has changed under the indexes",
	why:   "The order of text comes from the system's libraries. After they changed, indexes that were built in the old order miss rows, and unique ones let duplicates in.",
	link:  docs + "sql-altercollation.html#SQL-ALTERCOLLATION-NOTES",
	sql: `
SELECT
    'error',
    'database ' || d.datname,
    format('its indexes were built with version %s of its collation, and the system has %s', d.datcollversion, v.version),
    format('REINDEX DATABASE CONCURRENTLY %I; then ALTER DATABASE %I REFRESH COLLATION VERSION', d.datname, d.datname)
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL pg_catalog.pg_database_collation_actual_version(d.oid) AS v (version)
WHERE d.datname = current_database()
  AND d.datcollversion <> v.version
UNION ALL
SELECT
    'error',
    'collation ' || c.oid::regcollation,
    format('%s indexes were built with its version %s, and the system has %s', count(DISTINCT i.indexrelid), c.collversion, v.version),
    format('REINDEX these indexes CONCURRENTLY; then ALTER COLLATION %s REFRESH VERSION', c.oid::regcollation)
FROM pg_catalog.pg_collation AS c
CROSS JOIN LATERAL pg_catalog.pg_collation_actual_version(c.oid) AS v (version)
JOIN pg_catalog.pg_index AS i ON c.oid = ANY (i.indcollation::oid[])
WHERE c.collversion <> v.version
GROUP BY c.oid, c.collversion, v.version
ORDER BY 2`,
}
