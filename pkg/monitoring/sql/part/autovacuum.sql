SELECT
    a.*,
    least(
        a.vacuum_base + a.vacuum_scale * greatest(c.reltuples, 0),
        NULLIF(a.vacuum_most, -1)
    ) AS vacuum_from,
    a.analyze_base + a.analyze_scale * greatest(c.reltuples, 0) AS analyze_from
FROM (
    SELECT
        coalesce(o.enabled, true) AS enabled,
        coalesce(o.vacuum_base, (SELECT current_setting('autovacuum_vacuum_threshold')::float8)) AS vacuum_base,
        coalesce(o.vacuum_scale, (SELECT current_setting('autovacuum_vacuum_scale_factor')::float8)) AS vacuum_scale,
        coalesce(o.vacuum_most, (SELECT current_setting('autovacuum_vacuum_max_threshold')::float8)) AS vacuum_most,
        coalesce(o.insert_base, (SELECT current_setting('autovacuum_vacuum_insert_threshold')::float8)) AS insert_base,
        coalesce(o.insert_scale, (SELECT current_setting('autovacuum_vacuum_insert_scale_factor')::float8)) AS insert_scale,
        coalesce(o.analyze_base, (SELECT current_setting('autovacuum_analyze_threshold')::float8)) AS analyze_base,
        coalesce(o.analyze_scale, (SELECT current_setting('autovacuum_analyze_scale_factor')::float8)) AS analyze_scale,
        least(o.freeze_age, (SELECT current_setting('autovacuum_freeze_max_age')::bigint)) AS freeze_age,
        least(o.multixact_age, (SELECT current_setting('autovacuum_multixact_freeze_max_age')::bigint)) AS multixact_freeze_age
    FROM (SELECT) AS always
    LEFT JOIN LATERAL (
        SELECT
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_enabled')::boolean AS enabled,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_threshold')::float8 AS vacuum_base,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_scale_factor')::float8 AS vacuum_scale,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_max_threshold')::float8 AS vacuum_most,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_insert_threshold')::float8 AS insert_base,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_insert_scale_factor')::float8 AS insert_scale,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_analyze_threshold')::float8 AS analyze_base,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_analyze_scale_factor')::float8 AS analyze_scale,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_freeze_max_age')::bigint AS freeze_age,
            min(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_multixact_freeze_max_age')::bigint AS multixact_age
        FROM pg_catalog.pg_options_to_table(c.reloptions) AS p
    ) AS o ON c.reloptions IS NOT NULL
) AS a
