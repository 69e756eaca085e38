package doctor

var durability = check{
	id:    "server.durability",
	finds: "settings that lose or hide data after a crash",
	why:   "With fsync or full_page_writes off a crash of the machine can destroy the whole database; the other settings hide damage or lose the last commits.",
	link:  docs + "runtime-config-wal.html",
	sql: `
SELECT
    CASE WHEN s.name = 'synchronous_commit' THEN 'warning' ELSE 'error' END,
    s.name,
    format('%s is %s (%s)', s.name, s.setting, s.source),
    CASE
        WHEN s.context = 'postmaster' THEN format('ALTER SYSTEM SET %I = %L; then restart the server', s.name, s.boot_val)
        ELSE format('ALTER SYSTEM SET %I = %L; SELECT pg_reload_conf()', s.name, s.boot_val)
    END
FROM pg_catalog.pg_settings AS s
WHERE (s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off')
   OR (s.name IN ('zero_damaged_pages', 'ignore_checksum_failure', 'ignore_invalid_pages', 'allow_system_table_mods') AND s.setting = 'on')
ORDER BY s.name`,
}

var checksums = check{
	id:    "server.checksums",
	finds: "data pages without checksums",
	why:   "Without checksums a disk that returns wrong bytes is not noticed, and the damage goes on into the backups.",
	link:  docs + "checksums.html",
	sql: `
SELECT
    'warning',
    'data_checksums',
    'data_checksums is off',
    'stop the server and run pg_checksums --enable on its data folder, or move to a cluster made by initdb, which enables them'
WHERE current_setting('data_checksums') = 'off'`,
}

var checksumFailures = check{
	id:    "server.checksum_failures",
	finds: "pages whose checksum was wrong",
	why:   "The disk returned other bytes than were written. What stands on these pages is lost unless a backup has it, and more may follow.",
	link:  docs + "checksums.html",
	sql: `
SELECT
    'error',
    coalesce('database ' || d.datname, 'shared catalogs'),
    format('%s pages failed, the last at %s', d.checksum_failures, to_char(d.checksum_last_failure AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"')),
    'look into the server''s log for the files, run pg_amcheck on the database, restore from a backup, and replace the disk'
FROM pg_catalog.pg_stat_database AS d
WHERE d.checksum_failures > 0
ORDER BY 2`,
}

var asyncIO = check{
	id:    "server.async_io",
	finds: "synchronous reads where concurrent ones would help",
	why:   "Reads that miss the cache wait for the disk one after the other. With io_method worker or io_uring a scan asks for many pages at once; what is cached gains nothing.",
	link:  docs + "runtime-config-resource.html#GUC-IO-METHOD",
	sql: `
WITH cache AS (
    SELECT
        sum(d.blks_read)::numeric AS missed,
        NULLIF(sum(d.blks_read + d.blks_hit), 0)::numeric AS asked
    FROM pg_catalog.pg_stat_database AS d
),
method AS (
    SELECT s.setting, s.enumvals
    FROM pg_catalog.pg_settings AS s
    WHERE s.name = 'io_method'
),
share AS (
    SELECT
        c.missed,
        round(100 * coalesce(c.missed / c.asked, 0), 1) AS percent
    FROM cache AS c
)
SELECT
    CASE WHEN h.percent >= 1 THEN 'warning' ELSE 'info' END,
    'io_method',
    format('io_method is sync, this build has %s; %s%% of the pages that were asked for (%s) came from the disk', array_to_string(m.enumvals, ', '), h.percent, h.missed),
    format('ALTER SYSTEM SET io_method = %L; then restart the server', CASE WHEN 'io_uring' = ANY (m.enumvals) THEN 'io_uring' ELSE 'worker' END)
FROM method AS m
CROSS JOIN share AS h
WHERE m.setting = 'sync'
UNION ALL
SELECT
    CASE WHEN h.percent >= 1 THEN 'warning' ELSE 'info' END,
    s.name,
    format('%s is 0; %s%% of the pages that were asked for (%s) came from the disk', s.name, h.percent, h.missed),
    format('ALTER SYSTEM SET %I = 32; SELECT pg_reload_conf()', s.name)
FROM pg_catalog.pg_settings AS s
CROSS JOIN share AS h
WHERE s.name IN ('effective_io_concurrency', 'maintenance_io_concurrency')
  AND s.setting = '0'
UNION ALL
SELECT
    'info',
    'io_method',
    format('io_method is worker, and this build has io_uring; %s%% of the pages that were asked for came from the disk', h.percent),
    'on Linux where kernel.io_uring_disabled is 0: ALTER SYSTEM SET io_method = ''io_uring''; then restart the server'
FROM method AS m
CROSS JOIN share AS h
WHERE m.setting = 'worker'
  AND 'io_uring' = ANY (m.enumvals)
  AND h.percent >= 1
ORDER BY 1, 2`,
}

var autovacuumOff = check{
	id:    "vacuum.autovacuum_off",
	finds: "autovacuum off for the whole server",
	why:   "Nothing removes dead rows, keeps statistics true, or freezes rows before transaction ids run out.",
	link:  docs + "routine-vacuuming.html",
	sql: `
SELECT
    'error',
    s.name,
    format('%s is off (%s)', s.name, s.source),
    format('ALTER SYSTEM SET %I = on; SELECT pg_reload_conf()', s.name)
FROM pg_catalog.pg_settings AS s
WHERE s.name IN ('autovacuum', 'track_counts')
  AND s.setting = 'off'
ORDER BY s.name`,
}

var pendingRestart = check{
	id:    "server.pending_restart",
	finds: "settings that wait for a restart",
	why:   "The configuration says one thing and the server does another; the next restart, perhaps an unplanned one, changes how it runs.",
	link:  docs + "view-pg-settings.html",
	sees:  []right{readsSettings},
	sql: `
SELECT
    'info',
    s.name,
    format('%s is %s until the restart that its new value waits for', s.name, s.setting),
    'restart the server when it suits'
FROM pg_catalog.pg_settings AS s
WHERE s.pending_restart
ORDER BY s.name`,
}

var configErrors = check{
	id:    "server.config_errors",
	finds: "lines of the configuration files that the server refuses",
	why:   "A server that runs ignores such a line; at its next start it may refuse to start because of it.",
	link:  docs + "view-pg-file-settings.html",
	needs: []right{readsFile},
	sql: `
SELECT
    'error',
    format('%s line %s', f.sourcefile, f.sourceline),
    format('%s: %s', coalesce(f.name, 'the line'), f.error),
    CASE
        WHEN f.sourcefile LIKE '%/postgresql.auto.conf' AND f.name IS NOT NULL THEN format('ALTER SYSTEM RESET %I; SELECT pg_reload_conf()', f.name)
        ELSE 'mend or remove the line, then SELECT pg_reload_conf()'
    END
FROM pg_catalog.pg_file_settings AS f
LEFT JOIN pg_catalog.pg_settings AS s ON s.name = f.name
WHERE f.error IS NOT NULL
  -- What only waits for a restart is told by another check.
  AND NOT (f.error = 'setting could not be applied' AND s.context = 'postmaster')
ORDER BY f.seqno`,
}

var missingStatements = check{
	id:    "extension.statements",
	finds: "no figures of statements: pg_stat_statements missing",
	why:   "Without pg_stat_statements nobody can say which statements cost what, and the checks of indexes have nothing to go by.",
	link:  docs + "pgstatstatements.html",
	run:   findStatements,
}

var outdatedExtensions = check{
	id:    "extension.outdated",
	finds: "extensions older than their files",
	why:   "The extension's objects are those of an older version than the library that serves them: fixes are missing.",
	link:  docs + "sql-alterextension.html",
	sql: `
SELECT
    'info',
    'extension ' || a.name,
    format('%s is installed, %s is there', a.installed_version, a.default_version),
    format('ALTER EXTENSION %I UPDATE', a.name)
FROM pg_catalog.pg_available_extensions AS a
WHERE a.installed_version <> a.default_version
ORDER BY a.name`,
}
