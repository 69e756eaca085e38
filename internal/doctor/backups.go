package doctor

var neverBackedUp = check{
	id:    "backup.never",
	finds: "no sign of a backup",
	why:   "A disk, a mistaken DELETE or a lost machine then takes everything with it.",
	link:  docs + "continuous-archiving.html",
	sees:  []right{readsStats},
	// From inside a server a backup shows only while it runs and in the archive of the
	// write-ahead log; pg_dump shows in the statements, as a COPY of every table.
	sql: `
SELECT
    'warning',
    'the server',
    format('archive_mode is %s, %s files of write-ahead log were ever archived, no standby and no backup is connected', current_setting('archive_mode'), a.archived_count),
    'set up archiving with pgBackRest, Barman or pg_basebackup and archive_command, and try a restore; if backups are made outside of what PostgreSQL sees (pg_dump, snapshots of the disk), see that one was restored'
FROM pg_catalog.pg_stat_archiver AS a
WHERE a.archived_count = 0
  AND NOT pg_catalog.pg_is_in_recovery()
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS s WHERE s.slot_type = 'physical' AND s.active)`,
}

var failingBackups = check{
	id:    "backup.failing",
	finds: "archiving that fails",
	why:   "Backups cannot be brought up to the present, and the server keeps every file that it could not archive until the disk is full.",
	link:  docs + "continuous-archiving.html",
	sql: `
SELECT
    'error',
    'archive_command',
    format('%s tries failed, the last at %s; last success: %s', a.failed_count, to_char(a.last_failed_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'),
        coalesce(to_char(a.last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"'), 'never')),
    'look into the server''s log for what archive_command said, and mend it'
FROM pg_catalog.pg_stat_archiver AS a
WHERE a.last_failed_time > coalesce(a.last_archived_time, '-infinity')
  AND current_setting('archive_mode') <> 'off'`,
}
