package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// statement is one that the application ran, as pg_stat_statements keeps it: with
// parameters in the place of values. Its text is planned and never shown.
type statement struct {
	ID     int64
	Role   string
	Path   string // the role's search_path, as SET takes it
	Calls  int64
	MeanMS float64
	Text   string
}

// statementsSQL returns what reads rows; utility statements may hold passwords and are left out.
const statementsSQL = `
SELECT
    s.queryid,
    r.rolname::text,
    coalesce((
        SELECT substr(c.entry, length('search_path=') + 1)
        FROM pg_catalog.pg_db_role_setting AS d
        CROSS JOIN LATERAL unnest(d.setconfig) AS c (entry)
        WHERE c.entry LIKE 'search_path=%%'
          AND d.setrole IN (0, r.oid)
          AND d.setdatabase IN (0, b.oid)
        ORDER BY d.setrole <> 0 AND d.setdatabase <> 0 DESC, d.setrole <> 0 DESC, d.setdatabase <> 0 DESC
        LIMIT 1
    ), '"$user", public'),
    s.calls,
    s.mean_exec_time,
    s.query
FROM %s.pg_stat_statements AS s
JOIN pg_catalog.pg_roles AS r ON r.oid = s.userid
JOIN pg_catalog.pg_database AS b ON b.oid = s.dbid AND b.datname = current_database()
WHERE s.queryid IS NOT NULL
  AND s.query ~* '^\s*(SELECT|WITH|UPDATE|DELETE|MERGE|INSERT)\M'
  AND s.query !~* '\mpg_catalog\.|\mpg_stat_'
ORDER BY s.total_exec_time DESC
LIMIT 500`

// strangersSQL names a role that could have code of its own run by whoever plans:
// the planner evaluates functions that are not volatile.
const strangersSQL = `
SELECT DISTINCT r.rolname::text
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_roles AS r ON r.oid = p.proowner
WHERE r.rolcanlogin
  AND NOT r.rolsuper
  AND r.rolname <> current_user
  AND r.oid <> (SELECT d.datdba FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
ORDER BY 1
LIMIT 1`

// workload reads the statements that may be planned, or says why none may be.
func (e *examination) workload(ctx context.Context) (list []statement, why, remedy string, err error) {
	switch {
	case !hasStatements.has(e.facts):
		return nil, "no recorded statements: pg_stat_statements is missing", hasStatements.grant(e.facts), nil
	case !e.facts.ReadsStats:
		return nil, "the role " + e.facts.Role + " " + readsStats.lacks, readsStats.grant(e.facts), nil
	}
	type stranger struct{ Name string }
	strangers, err := read[stranger](ctx, e, strangersSQL)
	if err != nil {
		return nil, "", "", err
	}
	if len(strangers) > 0 && e.facts.Superuser {
		return nil, "the role " + strangers[0].Name + " owns functions here, and planning its statements as a superuser could run them",
			"give these functions to a role that cannot log in", nil
	}
	list, err = read[statement](ctx, e, fmt.Sprintf(statementsSQL, e.facts.Statements))
	return list, "", "", err
}

// node is a node of a plan, as EXPLAIN (FORMAT JSON) gives it.
type node struct {
	Type     string  `json:"Node Type"`     //nolint:tagliatelle // EXPLAIN's own name
	Schema   string  `json:"Schema"`        //nolint:tagliatelle // EXPLAIN's own name
	Relation string  `json:"Relation Name"` //nolint:tagliatelle // EXPLAIN's own name
	Index    string  `json:"Index Name"`    //nolint:tagliatelle // EXPLAIN's own name
	Filter   string  `json:"Filter"`        //nolint:tagliatelle // EXPLAIN's own name
	Rows     float64 `json:"Plan Rows"`     //nolint:tagliatelle // EXPLAIN's own name
	Cost     float64 `json:"Total Cost"`    //nolint:tagliatelle // EXPLAIN's own name
	Plans    []node  `json:"Plans"`         //nolint:tagliatelle // EXPLAIN's own name
}

func (n node) walk(visit func(node)) {
	visit(n)
	for _, child := range n.Plans {
		child.walk(visit)
	}
}

// uses reports whether the plan reads the index.
func (n node) uses(index string) (yes bool) {
	n.walk(func(n node) { yes = yes || n.Index == index })
	return yes
}

// plan asks for the generic plan of a statement, as its own role and in its own
// search_path, in the transaction that is open. ok is false where it cannot be planned.
func (e *examination) plan(ctx context.Context, s statement, text string) (root node, ok bool, err error) {
	as := ""
	if e.facts.Superuser && s.Role != e.facts.Role {
		as = "SET LOCAL ROLE " + pgx.Identifier{s.Role}.Sanitize() + ";"
	}
	begin := fmt.Sprintf("SAVEPOINT planned; %s SELECT pg_catalog.set_config('search_path', %s, true)", as, literal(s.Path))
	if _, err := e.conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return root, false, err
	}
	e.report.Checked.Statements++
	// A simple query, because the parameters have no values to be bound; one statement, see reading.
	results, err := e.conn.PgConn().Exec(ctx, "EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) "+text).ReadAll()
	if _, end := e.conn.PgConn().Exec(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT planned; RELEASE SAVEPOINT planned").ReadAll(); end != nil {
		return root, false, errors.Join(err, end)
	}
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return root, false, nil // a parameter without a type, a table that is gone, a right that it lacks
	}
	if err != nil {
		return root, false, err
	}
	var plans []struct {
		Plan node `json:"Plan"` //nolint:tagliatelle // EXPLAIN's own name
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return root, false, nil
	}
	if err := json.Unmarshal(results[0].Rows[0][0], &plans); err != nil || len(plans) != 1 {
		return root, false, err
	}
	return plans[0].Plan, true, nil
}

// literal quotes a text for SQL that takes no parameters.
func literal(s string) string {
	if strings.Contains(s, `\`) {
		return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
