-- Under row-level security a condition that is not leakproof, such as @@, waits
-- for the policy and cannot use an index. The function below runs as a role that
-- a policy of its own lets through, and fixes the campaign itself: the same rows,
-- by the index. The role cannot log in, and only the function acts in its name.
-- It is made under a name that nobody calls; 00211 gives it its own, and takes it
-- away again before the function goes.
-- +ovasabi AFTER CALLERS
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'ovasabi_search') THEN
        CREATE ROLE ovasabi_search NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- made by another database's migration a moment ago
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
DO $$
BEGIN
    -- Whoever gives a function away must be able to become its new owner.
    IF NOT pg_catalog.pg_has_role(current_user, 'ovasabi_search', 'SET') THEN
        EXECUTE format('GRANT ovasabi_search TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the owner may not give a function to ovasabi_search: ask an administrator to run GRANT ovasabi_search TO % WITH INHERIT FALSE, SET TRUE', quote_ident(current_user);
END
$$;
-- +goose StatementEnd

GRANT USAGE ON SCHEMA ovasabi TO ovasabi_search;
GRANT SELECT (campaign_id, id, title, body, tags, status, created_at, search_vector_stored)
ON ovasabi.service_content_main TO ovasabi_search;

CREATE POLICY content_search ON ovasabi.service_content_main
    FOR SELECT
    TO ovasabi_search
    USING (true);

-- The page of hits after one with these values, best first. Only the page's own
-- texts are cut into passages, in which U+0002 and U+0003 stand around a match. The
-- tags are $3: the parameter and the column have one name, and the function has two.
-- +goose StatementBegin
CREATE FUNCTION ovasabi.search_content_unnamed(
    query            text,
    statuses         text[] DEFAULT NULL,
    tags             jsonb DEFAULT '[]'::jsonb,
    after_rank       double precision DEFAULT 'infinity',
    after_created_at timestamptz DEFAULT 'infinity',
    after_id         bigint DEFAULT 9223372036854775807,
    page_size        bigint DEFAULT 20
)
RETURNS TABLE (id bigint, rank double precision, created_at timestamptz, passage text)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = ''
ROWS 20
COST 10000
AS $function$
    WITH wanted AS MATERIALIZED (
        SELECT
            pg_catalog.websearch_to_tsquery('english', query) AS words,
            NULLIF(pg_catalog.current_setting('app.campaign_id', true), '')::bigint AS campaign_id
    ),
    found AS (
        SELECT
            c.id,
            c.created_at,
            pg_catalog.ts_rank(c.search_vector_stored, wanted.words)::double precision AS rank
        FROM wanted
        JOIN ovasabi.service_content_main AS c
            ON c.campaign_id = wanted.campaign_id
            AND c.search_vector_stored @@ wanted.words
        WHERE (statuses IS NULL OR c.status = ANY (statuses))
          AND c.tags @> $3
    ),
    page AS MATERIALIZED (
        SELECT
            found.id,
            found.created_at,
            found.rank
        FROM found
        WHERE (found.rank, found.created_at, found.id) < (after_rank, after_created_at, after_id)
        ORDER BY found.rank DESC, found.created_at DESC, found.id DESC
        LIMIT greatest(0, least(page_size, 1000))
    )
    SELECT
        page.id,
        page.rank,
        page.created_at,
        pg_catalog.ts_headline(
            'english',
            pg_catalog.translate(c.title || E'\n' || pg_catalog.left(c.body, 50000), E'\x02\x03', ''),
            wanted.words,
            E'StartSel="\x02", StopSel="\x03", MaxWords=35, MinWords=15, MaxFragments=1'
        )
    FROM wanted
    CROSS JOIN page
    JOIN ovasabi.service_content_main AS c
        ON c.campaign_id = wanted.campaign_id
        AND c.id = page.id
    ORDER BY page.rank DESC, page.created_at DESC, page.id DESC
$function$;
-- +goose StatementEnd

COMMENT ON FUNCTION ovasabi.search_content_unnamed(text, text[], jsonb, double precision, timestamptz, bigint, bigint) IS 'Ranked search inside the campaign of app.campaign_id; without one, no rows. NULL statuses are all of them. At most 1000 hits a page.';

REVOKE ALL ON FUNCTION ovasabi.search_content_unnamed(text, text[], jsonb, double precision, timestamptz, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ovasabi.search_content_unnamed(text, text[], jsonb, double precision, timestamptz, bigint, bigint) TO ovasabi_app;
-- The new owner needs CREATE for the moment of the change only.
GRANT CREATE ON SCHEMA ovasabi TO ovasabi_search;
ALTER FUNCTION ovasabi.search_content_unnamed(text, text[], jsonb, double precision, timestamptz, bigint, bigint) OWNER TO ovasabi_search;
REVOKE CREATE ON SCHEMA ovasabi FROM ovasabi_search;

-- +goose Down
DROP FUNCTION ovasabi.search_content_unnamed(text, text[], jsonb, double precision, timestamptz, bigint, bigint);
DROP POLICY content_search ON ovasabi.service_content_main;
REVOKE SELECT (campaign_id, id, title, body, tags, status, created_at, search_vector_stored)
ON ovasabi.service_content_main FROM ovasabi_search;
REVOKE USAGE ON SCHEMA ovasabi FROM ovasabi_search;

-- +goose StatementBegin
DO $$
BEGIN
    DROP ROLE IF EXISTS ovasabi_search;
EXCEPTION
    WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        NULL; -- another database of this server still uses the role
END
$$;
-- +goose StatementEnd
