package twin

import (
	"context"
	"time"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// savepoint guards a transaction against the optimised side's failing. All its
// methods do nothing on nil, which is the savepoint of a call outside a transaction.
//
// It is plain SQL rather than a nested pgx.Tx, so that it works through any
// Querier. Released savepoints of writing statements still count towards the 64
// subtransactions that PostgreSQL keeps in shared memory for each transaction.
type savepoint struct {
	ctx context.Context //nolint:containedctx // of the one call that the savepoint is for
	db  database.Querier
}

const (
	savepointSQL = `SAVEPOINT ovasabi_twin`
	undoSQL      = `ROLLBACK TO SAVEPOINT ovasabi_twin`
	releaseSQL   = `RELEASE SAVEPOINT ovasabi_twin`
)

func begin(ctx context.Context, db database.Querier) (*savepoint, error) {
	if _, err := db.Exec(ctx, savepointSQL); err != nil {
		return nil, err
	}
	return &savepoint{ctx: ctx, db: db}, nil
}

// undo takes the transaction back to where the savepoint was set; it stays set.
func (s *savepoint) undo() error { return s.exec(undoSQL) }

// release ends the savepoint and keeps what was done under it.
func (s *savepoint) release() error { return s.exec(releaseSQL) }

func (s *savepoint) exec(sql string) error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	_, err := s.db.Exec(ctx, sql)
	return err
}
