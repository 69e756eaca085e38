-- What operators set, with the partition that holds the campaign, where there is one.
SELECT
    s.campaign_id,
    s.table_name,
    s.retention,
    s.vacuum_threshold,
    s.vacuum_scale_factor,
    s.analyze_threshold,
    s.analyze_scale_factor,
    s.partitions_ahead,
    t.relkind::text AS kind,
    coalesce((
        SELECT array_agg(n.nspname || '.' || c.relname ORDER BY c.relname)
        FROM pg_catalog.pg_inherits AS h
        JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
            SELECT regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), 'modulus (\d+), remainder (\d+)') AS parts
        ) AS bound
        WHERE h.inhparent = t.oid
          AND bound.parts IS NOT NULL
          AND (s.campaign_id = 0 OR (
              pg_catalog.pg_get_partkeydef(t.oid) = 'HASH (campaign_id)'
              AND pg_catalog.satisfies_hash_partition(t.oid, (bound.parts)[1]::int, (bound.parts)[2]::int, s.campaign_id)
          ))
    ), '{}')::text[] AS leaves
FROM ovasabi.maintenance_setting AS s
LEFT JOIN pg_catalog.pg_class AS t
    ON t.oid = to_regclass(pg_catalog.quote_ident(split_part(s.table_name, '.', 1)) || '.' || pg_catalog.quote_ident(split_part(s.table_name, '.', 2)))
ORDER BY s.table_name, s.campaign_id
