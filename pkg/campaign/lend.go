package campaign

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// Lend runs fn with a connection, for what SendBatch cannot do: a pipeline
// (pgconn.Pipeline) that is sent while it is still being written. The campaign
// gives a place in its share until fn returns. What fn prepares is planned as m says.
//
// fn sends the statements of enter first, whose arguments are text, and everything
// up to a single Sync: all of it is then one implicit transaction inside the
// campaign. What it sends without them is in no campaign, where the policies show
// no row and take none. A connection that fn leaves amid something is closed.
//
// Errors are fn's, and faults where no connection could be lent.
func (s *Scope) Lend(ctx context.Context, m database.PlanMode, fn func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) error) error {
	lease, err := s.planned[m].enter(ctx, manner{})
	if err != nil {
		return err
	}
	defer lease.end()
	enter := &pgx.Batch{}
	s.engine.Enter(enter, lease.id, lease.entry)
	return fn(ctx, lease.conn.Conn(), enter)
}
