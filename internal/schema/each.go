package schema

import (
	"context"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// atOnce is how many partitions are worked on at a time: the machine is the services' as well.
const atOnce = 2

// each runs fn for every name, several at a time, each with a connection that no
// other uses. The first error ends them all, and what runs on the server with it.
func (m *Migrator) each(ctx context.Context, names []string, fn func(ctx context.Context, conn *pgx.Conn, name string) error) error {
	queue := make(chan string, len(names))
	for _, name := range names {
		queue <- name
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for range min(atOnce, len(names)) {
		group.Go(func() error {
			return m.session(ctx, func(conn *pgx.Conn) error {
				for name := range queue {
					if err := fn(ctx, conn, name); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	return group.Wait()
}

// on is the same move with another connection.
func (mv *move) on(conn *pgx.Conn) *move {
	other := *mv
	other.conn = conn
	return &other
}
