// Package repository is what a service's repository is made of: declared
// queries and twins, batches, streams, statement caches and their measurement.
//
//	var findBySlug = repository.Declare("content.find_by_slug", `SELECT … WHERE campaign_id = $1 AND slug = $2`)
//
//	type Contents struct{ repository.Repository }
//
// A service moves from the plain repository to the enhanced one by changing the
// line that makes it:
//
//	Contents{repository.NewBaseRepository(scope)}
//	Contents{repository.NewEnhancedBaseRepository(scope, repository.Enhancements{Statements: …, Metrics: …, Twins: …})}
package repository

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

// Repository runs declared queries. Errors are faults. Both kinds are safe for
// concurrent use, except those that InTx hands out.
type Repository interface {
	// Query runs a query that returns rows. They are closed by reading them to their
	// end or by Close, and their Err is looked at afterwards.
	Query(ctx context.Context, d *Declaration, args ...any) (pgx.Rows, error)
	// QueryRow runs a query and reads its first row; Scan returns a NotFound fault when there is none.
	QueryRow(ctx context.Context, d *Declaration, args ...any) pgx.Row
	// Exec runs a query for its effect.
	Exec(ctx context.Context, d *Declaration, args ...any) (pgconn.CommandTag, error)
	// NewBatch returns an empty batch for the table.
	NewBatch(t *Table, opts ...BatchOption) (*Batch, error)
	// InTx runs fn with a repository of the same kind inside one transaction, which
	// is committed when fn returns nil. fn may run more than once.
	InTx(ctx context.Context, o database.TxOptions, fn func(ctx context.Context, r Repository) error) error
	// Querier is what the repository runs its statements through.
	Querier() database.Querier
}

var (
	_ Repository = (*BaseRepository)(nil)
	_ Repository = (*EnhancedBaseRepository)(nil)
)

// BaseRepository is the plain way: each query goes straight to the Querier, and
// of a twin the plain side.
type BaseRepository struct {
	q database.Querier
}

// NewBaseRepository returns a plain repository over a pool, a scope or a transaction.
func NewBaseRepository(q database.Querier) *BaseRepository { return &BaseRepository{q: q} }

// Querier returns what the repository runs its statements through.
func (r *BaseRepository) Querier() database.Querier { return r.q }

// Query implements Repository.
func (r *BaseRepository) Query(ctx context.Context, d *Declaration, args ...any) (pgx.Rows, error) {
	rows, err := query(d.named(ctx), r.q, d.sql, args, nil)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// QueryRow implements Repository.
func (r *BaseRepository) QueryRow(ctx context.Context, d *Declaration, args ...any) pgx.Row {
	rows, err := query(d.named(ctx), r.q, d.sql, args, nil)
	if err != nil {
		return failedRow{err}
	}
	return (*peekedRow)(rows)
}

// Exec implements Repository.
func (r *BaseRepository) Exec(ctx context.Context, d *Declaration, args ...any) (pgconn.CommandTag, error) {
	return exec(d.named(ctx), r.q, d.sql, args, nil)
}

// NewBatch implements Repository.
func (r *BaseRepository) NewBatch(t *Table, opts ...BatchOption) (*Batch, error) {
	return NewBatch(r.q, t, opts...)
}

// InTx implements Repository.
func (r *BaseRepository) InTx(ctx context.Context, o database.TxOptions, fn func(ctx context.Context, r Repository) error) error {
	return inTx(ctx, r.q, o, func(ctx context.Context, tx pgx.Tx) error {
		return fn(ctx, NewBaseRepository(tx))
	})
}

// scopedCampaign returns the campaign to which a call through q belongs, or 0.
func scopedCampaign(ctx context.Context, scoped bool) campaign.ID {
	if !scoped {
		return 0
	}
	id, err := campaign.FromContext(ctx)
	if err != nil {
		return 0
	}
	return id
}
