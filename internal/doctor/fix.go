package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// fixAll does what the findings hold as safe, and nothing else: ANALYZE of tables
// that never were, CREATE EXTENSION pg_stat_statements where it is loaded, and
// DROP INDEX CONCURRENTLY of what broken-off builds left in our own schema. Each
// waits for a lock at most two seconds, and nobody waits behind it for longer.
func fixAll(ctx context.Context, conn *pgx.Conn, found []Finding) []Fixed {
	var done []Fixed
	for _, f := range found {
		for _, statement := range f.fix {
			did := Fixed{ID: f.ID, Object: f.Object, Did: statement}
			if err := fixOne(ctx, conn, statement); err != nil {
				did.Error = err.Error()
			}
			done = append(done, did)
		}
	}
	return done
}

func fixOne(ctx context.Context, conn *pgx.Conn, statement string) error {
	// Outside of a transaction, as CONCURRENTLY must be; behind a pooler in
	// transaction mode the settings may reach another session, and are only bounds.
	settings := "SET lock_timeout = '2s'; SET statement_timeout = '10min'"
	if strings.Contains(statement, "CONCURRENTLY") {
		settings = "SET lock_timeout = '1min'; SET statement_timeout = '10min'" // it waits for transactions, and holds up nobody
	}
	if _, err := conn.PgConn().Exec(ctx, settings).ReadAll(); err != nil {
		return reason(err)
	}
	_, err := conn.PgConn().Exec(ctx, statement).ReadAll()
	_, reset := conn.PgConn().Exec(context.WithoutCancel(ctx), "RESET lock_timeout; RESET statement_timeout").ReadAll()
	return reason(errors.Join(err, reset))
}

// reason is the server's message: none of these statements can quote a row.
func reason(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	return err
}
