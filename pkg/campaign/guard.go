package campaign

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Guard says which tables belong to campaigns, for CheckGuard. The zero value is the platform's own schema.
type Guard struct {
	// Schemas are looked through for tables with a campaign_id column. Defaults to "ovasabi".
	Schemas []string
	// CampaignTable is the table of campaigns, keyed by id. Defaults to "ovasabi.service_campaign_main".
	CampaignTable string
	// Exempt names tables, with their schema, that hold a campaign_id and belong to
	// no campaign. Defaults to the flags, what is set for maintenance, and the directory of slugs.
	Exempt []string
	// Role is the role that is looked at. Defaults to the current one. Any role may
	// look at any other: all of it stands in the catalog.
	Role string
}

func (g Guard) withDefaults() Guard {
	if g.Schemas == nil {
		g.Schemas = []string{"ovasabi"}
	}
	if g.CampaignTable == "" {
		g.CampaignTable = "ovasabi.service_campaign_main"
	}
	if g.Exempt == nil {
		g.Exempt = []string{"ovasabi.twin_flag", "ovasabi.maintenance_setting", "ovasabi.campaign_directory"}
	}
	return g
}

// guardSQL returns one row for each way in which isolation does not hold for the
// role $5, or for the current one where that is empty. Roles are compared as
// PostgreSQL does: privileges that the role inherits count, roles that it would
// have to SET do not.
const guardSQL = `
WITH me AS (
    SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolname = coalesce(NULLIF($5::name, ''), current_user)
),
campaign_table AS (
    SELECT
        c.oid,
        format('%s.%s', n.nspname, c.relname) AS name,
        c.relowner,
        c.relrowsecurity,
        c.relforcerowsecurity,
        c.relispartition,
        a.attnum AS key,
        -- What pg_get_expr makes of the one policy that isolates. Anything else may let rows through.
        format(
            '(%I = (NULLIF(current_setting(%L::text, true), %L::text))::bigint)',
            a.attname, $4::text, ''
        ) AS wanted
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = c.oid
        AND NOT a.attisdropped
        AND a.attname = CASE WHEN format('%s.%s', n.nspname, c.relname) = $2 THEN 'id' ELSE 'campaign_id' END
    WHERE c.relkind IN ('r', 'p', 'f')
      AND n.nspname = ANY ($1::text[])
      AND NOT format('%s.%s', n.nspname, c.relname) = ANY ($3::text[])
),
reachable AS (
    -- A partition that the role cannot reach by itself is guarded by its parent.
    SELECT t.oid, t.name, t.relowner, t.relrowsecurity, t.relforcerowsecurity, t.wanted
    FROM campaign_table AS t
    WHERE NOT t.relispartition
       OR pg_catalog.has_table_privilege((SELECT m.oid FROM me AS m), t.oid, 'SELECT, INSERT, UPDATE, DELETE')
),
policy AS (
    SELECT
        p.polrelid,
        p.polname,
        p.polpermissive,
        coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') AS seen,
        coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') AS written,
        p.polcmd
    FROM pg_catalog.pg_policy AS p
    WHERE EXISTS (
        SELECT
        FROM unnest(p.polroles) AS granted (role)
        WHERE granted.role = 0
           OR pg_catalog.pg_has_role((SELECT m.oid FROM me AS m), granted.role, 'USAGE')
    )
)
SELECT 'role ' || m.rolname, 'is a superuser, whom no policy holds'
FROM me AS m WHERE m.rolsuper
UNION ALL
SELECT 'role ' || m.rolname, 'has BYPASSRLS, so no policy holds it'
FROM me AS m WHERE m.rolbypassrls
UNION ALL
SELECT 'role ' || m.rolname, 'may become ' || r.rolname || ', whom no policy holds'
FROM me AS m
JOIN pg_catalog.pg_roles AS r ON r.oid <> m.oid AND (r.rolsuper OR r.rolbypassrls)
WHERE NOT m.rolsuper
  AND pg_catalog.pg_has_role(m.oid, r.oid, 'MEMBER')
UNION ALL
SELECT 'table ' || t.name, 'belongs to the application''s role, which could switch its policies off'
FROM reachable AS t WHERE pg_catalog.pg_has_role((SELECT m.oid FROM me AS m), t.relowner, 'MEMBER')
UNION ALL
SELECT 'table ' || t.name, 'has no row-level security'
FROM reachable AS t WHERE NOT t.relrowsecurity
UNION ALL
SELECT 'table ' || t.name, 'does not force row-level security on its owner'
FROM reachable AS t WHERE t.relrowsecurity AND NOT t.relforcerowsecurity
UNION ALL
SELECT 'table ' || t.name, 'has no policy for all commands that is ' || t.wanted
FROM reachable AS t
WHERE NOT EXISTS (
    SELECT
    FROM policy AS p
    WHERE p.polrelid = t.oid
      AND p.polpermissive
      AND p.polcmd = '*'
      AND p.seen = t.wanted
      AND p.written = t.wanted
)
UNION ALL
SELECT 'policy ' || p.polname || ' on ' || t.name, 'may let other campaigns'' rows through: it is not ' || t.wanted
FROM reachable AS t
JOIN policy AS p ON p.polrelid = t.oid
WHERE p.polpermissive
  AND (
      (p.polcmd IN ('*', 'r', 'w', 'd') AND p.seen <> t.wanted)
      OR (p.polcmd IN ('*', 'a', 'w') AND p.written <> t.wanted)
  )
UNION ALL
SELECT 'index ' || i.indexrelid::regclass::text || ' on ' || t.name, 'is unique without holding the campaign'
FROM campaign_table AS t
JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
WHERE i.indisunique
  AND NOT t.key = ANY (i.indkey::smallint[])
UNION ALL
SELECT 'constraint ' || k.conname || ' on ' || t.name, 'refers to another table without holding the campaign'
FROM campaign_table AS t
JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.oid
WHERE k.contype = 'f'
  AND NOT t.key = ANY (k.conkey)
UNION ALL
SELECT 'role ' || $5::text, 'does not exist'
WHERE NOT EXISTS (SELECT FROM me)
UNION ALL
SELECT 'schema', 'holds no campaign table: run the migrations, or point DATABASE_URL at the right database'
WHERE NOT EXISTS (SELECT FROM campaign_table)
ORDER BY 1, 2`

// CheckGuard proves that isolation holds for the role of q: policies present and
// forced on every campaign table, no policy that lets other rows through, the
// role neither owner, superuser nor BYPASSRLS (nor able to become one), and the
// campaign in every key. It returns a Denied fault that lists every gap (without those of
// tables and policies where the role itself is wrong); a server must then refuse to serve.
//
// A policy isolates when it is, for USING and WITH CHECK alike, exactly this
// (with id for the table of campaigns); whatever differs is a gap:
//
//	campaign_id = NULLIF(current_setting('app.campaign_id', true), '')::bigint
func CheckGuard(ctx context.Context, q database.Querier, g Guard) error {
	gaps, err := Gaps(ctx, q, g)
	if err != nil || len(gaps) == 0 {
		return err
	}
	remedy := ""
	if slices.ContainsFunc(gaps, func(gap Gap) bool { return strings.HasPrefix(gap.Object, "role ") }) {
		// A superuser is a member of every role: what tables and policies lack may be only its own.
		gaps = slices.DeleteFunc(gaps, func(gap Gap) bool {
			return strings.HasPrefix(gap.Object, "table ") || strings.HasPrefix(gap.Object, "policy ")
		})
		remedy = ": connect as a role that owns no table and has NOBYPASSRLS, as ovasabi_app does"
	}
	lines := make([]string, len(gaps))
	for i, gap := range gaps {
		lines[i] = gap.Object + " " + gap.Problem
	}
	return fault.New(fault.Denied, "campaigns are not isolated from each other: %s%s", strings.Join(lines, "; "), remedy)
}

// Gap is one way in which isolation does not hold: "table ovasabi.service_event"
// and "has no row-level security".
type Gap struct{ Object, Problem string }

// Gaps lists what CheckGuard refuses, one by one; none is what is wanted.
func Gaps(ctx context.Context, q database.Querier, g Guard) ([]Gap, error) {
	g = g.withDefaults()
	rows, err := q.Query(ctx, guardSQL, g.Schemas, g.CampaignTable, g.Exempt, Setting, g.Role)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	gaps, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Gap])
	return gaps, fault.FromPostgres(err)
}
