SELECT
    i.dealloc AS evictions,
    i.stats_reset
FROM {statements}.pg_stat_statements_info AS i
