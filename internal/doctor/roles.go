package doctor

import (
	"context"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

var isolation = check{
	id:    "role.isolation",
	finds: "campaigns that are not isolated from each other",
	why:   "A request of one campaign could read or change rows of another. The services refuse to start on such a database.",
	link:  docs + "ddl-rowsecurity.html",
	ours:  true,
	run: func(ctx context.Context, e *examination, _ check) (found []Finding, err error) {
		var gaps []campaign.Gap
		err = e.within(ctx, readOnly, e.limits.StatementTimeout, func() error {
			e.report.Checked.Statements++
			gaps, err = campaign.Gaps(ctx, e.conn, campaign.Guard{Role: e.options.AppRole})
			return err
		})
		for _, gap := range gaps {
			found = append(found, Finding{
				Severity: Error, Object: gap.Object,
				Evidence: gap.Problem + " (seen for the role " + e.options.AppRole + ")",
				Remedy:   "ovasabi migrate status shows what was changed by hand; undo that as the owner, then run ovasabi doctor --only role.isolation",
			})
		}
		return found, err
	},
}

var policiesOff = check{
	id:    "role.policies_off",
	finds: "policies on tables whose row-level security is off",
	why:   "The policies stand there and hold nobody: every role with a right to the table sees all of its rows.",
	link:  docs + "ddl-rowsecurity.html",
	sql: `
SELECT
    'error',
    format('%I.%I', n.nspname, c.relname),
    format('%s policies, and row-level security is disabled', count(*)),
    format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', n.nspname, c.relname)
FROM pg_catalog.pg_policy AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT c.relrowsecurity
GROUP BY n.nspname, c.relname
ORDER BY 2`,
}

var openSchemas = check{
	id:    "role.open_schema",
	finds: "schemas in which everybody may create objects",
	why:   "Any role can put a function or table there that others then call by its bare name, with their own rights.",
	link:  docs + "ddl-schemas.html#DDL-SCHEMAS-PATTERNS",
	sql: `
SELECT
    'warning',
    'schema ' || quote_ident(n.nspname),
    'PUBLIC has CREATE on it',
    format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', n.nspname)
FROM pg_catalog.pg_namespace AS n
CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS a
WHERE a.grantee = 0
  AND a.privilege_type = 'CREATE'
  AND ` + userSchemas + `
ORDER BY 2`,
}

var definerFunctions = check{
	id:    "role.definer_function",
	finds: "SECURITY DEFINER functions without a fixed search_path",
	why:   "The function runs with its owner's rights, and looks up what it calls where its caller says: whoever may create an object there runs code as the owner.",
	link:  docs + "sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY",
	sql: `
SELECT
    'warning',
    f.oid::regprocedure::text,
    format('runs as %s, and sets no search_path', f.proowner::regrole),
    format('ALTER FUNCTION %s SET search_path = '''', and qualify the names in it', f.oid::regprocedure)
FROM pg_catalog.pg_proc AS f
JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
WHERE f.prosecdef
  AND NOT EXISTS (
      SELECT
      FROM unnest(f.proconfig) AS c (entry)
      WHERE c.entry LIKE 'search_path=%'
  )
  AND NOT EXISTS ( -- those of extensions are their makers'
      SELECT
      FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_proc'::regclass
        AND d.objid = f.oid
        AND d.deptype = 'e'
  )
  AND ` + userSchemas + `
ORDER BY 2`,
}

var weakPasswords = check{
	id:    "role.md5_password",
	finds: "passwords kept as md5",
	why:   "An md5 hash is as good as the password itself to whoever reads it, and PostgreSQL will drop it: 18 warns of each one that is set.",
	link:  docs + "auth-password.html",
	needs: []right{superuser},
	sql: `
SELECT
    'warning',
    'role ' || quote_ident(a.rolname),
    'its password is kept as an md5 hash',
    format('set the password again with password_encryption = ''scram-sha-256'': \password %s in psql', a.rolname)
FROM pg_catalog.pg_authid AS a
WHERE a.rolpassword LIKE 'md5%'
ORDER BY 2`,
}
