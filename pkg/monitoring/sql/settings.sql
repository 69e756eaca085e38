-- Settings that somebody set. Those that may hold a secret are left out.
SELECT
    s.name,
    s.setting,
    coalesce(s.unit, '') AS unit,
    s.source,
    coalesce(s.boot_val, '') AS built_in,
    s.pending_restart
FROM pg_catalog.pg_settings AS s
WHERE s.source IN ('configuration file', 'command line', 'environment variable', 'global', 'database', 'user', 'database user')
  AND s.setting IS DISTINCT FROM s.boot_val
  AND s.name NOT IN ('primary_conninfo', 'archive_command', 'restore_command', 'archive_cleanup_command', 'recovery_end_command', 'ssl_passphrase_command')
  AND s.name !~* '(password|secret|token|credential)'
ORDER BY s.name
LIMIT 500
