-- What maintenance was done by our own hand, newest first.
SELECT
    l.action,
    l.object,
    l.reason,
    l.started_at,
    l.ended_at,
    l.outcome,
    l.detail
FROM ovasabi.maintenance_log AS l
ORDER BY l.id DESC
LIMIT 50
