package schema

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// applicationRole is who calls the functions of the schema by their names.
const applicationRole = "ovasabi_app"

// anyRole has awaitOlder wait for everybody.
const anyRole = ""

// openSQL lists the transactions that are open in this database, by the lock that
// each holds on itself; whoever may connect may read it. $1 keeps to some of them,
// $2 to those of sessions that may act as a role.
const openSQL = `
SELECT l.virtualtransaction, l.pid
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'virtualxid'
  AND l.granted
  AND l.mode = 'ExclusiveLock'
  AND l.pid <> pg_catalog.pg_backend_pid()
  AND a.datname = current_database()
  AND a.usename IS NOT NULL -- autovacuum looks at no row of ours
  AND (cardinality($1::text[]) = 0 OR l.virtualtransaction = ANY ($1::text[]))
  AND CASE WHEN $2 = '' THEN true ELSE pg_catalog.pg_has_role(a.usesysid, $2, 'MEMBER') END
ORDER BY l.pid`

// awaitOlder waits until every transaction that is open now has ended, but for
// those of sessions that cannot act as the role. It gives up after the patience.
func (m *Migrator) awaitOlder(ctx context.Context, conn *pgx.Conn, what, role string) error {
	type transaction struct {
		Name string
		PID  int32
	}
	deadline := time.Now().Add(m.o.Patience)
	names := []string{} // nil would be NULL, and NULL finds nobody
	for told := time.Now(); ; {
		rows, err := conn.Query(ctx, openSQL, names, role)
		if err != nil {
			return err
		}
		open, err := pgx.CollectRows(rows, pgx.RowToStructByPos[transaction])
		if err != nil || len(open) == 0 {
			return err
		}
		names = names[:0]
		for _, t := range open {
			names = append(names, t.Name)
		}
		switch {
		case time.Now().After(deadline):
			return fault.New(fault.Unavailable, "%s: gave up after %s: the transaction of process %d began before this step and is still open: end it (see pg_stat_activity) and run this again, it goes on from here", what, m.o.Patience, open[0].PID)
		case time.Since(told) > 2*time.Second:
			told = time.Now()
			m.o.Progress(fmt.Sprintf("%s: waiting for %d older transactions, among them that of process %d", what, len(open), open[0].PID))
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// awaitCallers waits, before a migration takes away what had a name until the one
// before it, for whoever may have found it by that name. A transaction counts as a
// whole: between two statements it may not have heard yet that the name is gone.
func (m *Migrator) awaitCallers(ctx context.Context, step migration) error {
	return m.session(ctx, func(conn *pgx.Conn) error {
		return m.awaitOlder(ctx, conn, step.name, applicationRole)
	})
}
