package doctor

var longTransactions = check{
	id:    "transactions.long",
	finds: "transactions that have been open for long",
	why:   "No vacuum, in any table of the database, can remove what an open transaction might still see, and its locks stay.",
	link:  docs + "runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT",
	sees:  []right{readsStats},
	sql: `
SELECT
    'warning',
    format('backend %s (%s)', a.pid, coalesce(a.usename, 'unknown')),
    format('its transaction has been open for %s s and is %s for %s s; application %s, %s transactions held back',
        extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, a.state,
        extract(epoch FROM clock_timestamp() - a.state_change)::bigint,
        coalesce(NULLIF(a.application_name, ''), 'unnamed'), coalesce(age(a.backend_xmin), 0)),
    format('SELECT pg_terminate_backend(%s); set idle_in_transaction_session_timeout for its role', a.pid)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid <> pg_catalog.pg_backend_pid()
  AND coalesce(a.datname, current_database()) = current_database()
  AND a.backend_type IN ('client backend', 'background worker')
  AND (a.xact_start < clock_timestamp() - make_interval(secs => @long_seconds::float8)
    OR (a.state LIKE 'idle in transaction%' AND a.state_change < clock_timestamp() - make_interval(secs => @idle_seconds::float8)))
ORDER BY a.xact_start
LIMIT 50`,
}

var preparedTransactions = check{
	id:    "transactions.prepared",
	finds: "prepared transactions that nobody ends",
	why:   "A prepared transaction keeps its locks and holds vacuum back until somebody commits it, through restarts as well.",
	link:  docs + "sql-prepare-transaction.html",
	sql: `
SELECT
    'warning',
    format('transaction %s in %s', p.transaction, p.database),
    format('was prepared %s s ago by %s and holds back %s transactions', extract(epoch FROM clock_timestamp() - p.prepared)::bigint, p.owner, age(p.transaction)),
    format('in database %s, as its owner, find its name by this number in pg_prepared_xacts, then COMMIT PREPARED or ROLLBACK PREPARED it', p.database)
FROM pg_catalog.pg_prepared_xacts AS p
WHERE p.prepared < clock_timestamp() - make_interval(secs => @prepared_seconds::float8)
ORDER BY p.prepared
LIMIT 50`,
}

var blocked = check{
	id:    "locks.blocked",
	finds: "sessions that wait for a lock",
	why:   "Whoever waits holds locks of his own, so that others wait behind him.",
	link:  docs + "view-pg-locks.html",
	sees:  []right{readsStats},
	sql: `
SELECT
    'warning',
    format('backend %s (%s)', a.pid, coalesce(a.usename, 'unknown')),
    format('has waited for a lock (%s) for %s s, behind the backends %s', a.wait_event,
        extract(epoch FROM clock_timestamp() - w.since)::bigint, array_to_string(pg_catalog.pg_blocking_pids(a.pid), ', ')),
    format('see what backend %1$s does in pg_stat_activity; SELECT pg_terminate_backend(%1$s) ends it', (pg_catalog.pg_blocking_pids(a.pid))[1])
FROM pg_catalog.pg_stat_activity AS a
CROSS JOIN LATERAL (
    SELECT min(l.waitstart) AS since
    FROM pg_catalog.pg_locks AS l
    WHERE l.pid = a.pid
      AND NOT l.granted
) AS w
WHERE a.wait_event_type = 'Lock'
  AND a.datname = current_database()
  AND w.since < clock_timestamp() - make_interval(secs => @blocked_seconds::float8)
ORDER BY w.since
LIMIT 50`,
}

var connections = check{
	id:    "pool.connections",
	finds: "pools that do not fit the server's connections",
	why:   "Above max_connections the server refuses; long before that, hundreds of sessions that work at once slow each other down.",
	link:  docs + "runtime-config-connection.html#GUC-MAX-CONNECTIONS",
	sql: `
WITH room AS (
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - current_setting('reserved_connections')::int AS most
),
used AS (
    SELECT count(*) AS sessions, count(*) FILTER (WHERE a.state = 'idle') AS idle
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.backend_type = 'client backend'
)
SELECT
    CASE WHEN u.sessions >= 0.95 * r.most THEN 'error' ELSE 'warning' END,
    'max_connections',
    format('%s of %s connections that ordinary roles may have are open, %s of them idle', u.sessions, r.most, u.idle),
    'lower DB_MAX_OPEN_CONNS of the services, put PgBouncer in front, or raise max_connections and restart the server'
FROM used AS u
CROSS JOIN room AS r
WHERE u.sessions >= @connections_used::float8 * r.most
UNION ALL
SELECT
    'warning',
    'DB_MAX_OPEN_CONNS',
    format('one service may open %s connections, and the server gives ordinary roles %s', @pool_size::int, r.most),
    format('set DB_MAX_OPEN_CONNS to at most %s divided by the number of services, or raise max_connections and restart the server', r.most)
FROM room AS r
WHERE @pool_size::int > @connections_used::float8 * r.most
ORDER BY 2`,
}

var unusedSlots = check{
	id:    "replication.slot_unused",
	finds: "replication slots that nobody reads",
	why:   "The server keeps all write-ahead log since the slot was last read, until the disk is full and it stops.",
	link:  docs + "view-pg-replication-slots.html",
	sql: `
WITH position AS (
    SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END AS now
)
SELECT
    CASE WHEN s.invalidation_reason IS NOT NULL THEN 'error' ELSE 'warning' END,
    'slot ' || s.slot_name,
    CASE
        WHEN s.invalidation_reason IS NOT NULL THEN format('is invalid: %s; whoever read from it cannot go on', s.invalidation_reason)
        ELSE format('nobody has read from it since %s, and it keeps %s kB of write-ahead log',
            coalesce(to_char(s.inactive_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), 'it was made'),
            round(pg_catalog.pg_wal_lsn_diff(p.now, s.restart_lsn) / 1024))
    END,
    format('bring its reader back, or SELECT pg_drop_replication_slot(%L)', s.slot_name)
FROM pg_catalog.pg_replication_slots AS s
CROSS JOIN position AS p
WHERE NOT s.active
  AND (s.invalidation_reason IS NOT NULL
    OR pg_catalog.pg_wal_lsn_diff(p.now, s.restart_lsn) >= @slot_bytes::bigint)
ORDER BY 2`,
}
