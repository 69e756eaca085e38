package repository

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// TwinRunner picks and runs one side of a twin; *twin.Runner is one.
type TwinRunner interface {
	Query(ctx context.Context, db database.Querier, t *twin.Twin, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, db database.Querier, t *twin.Twin, args ...any) pgx.Row
	Exec(ctx context.Context, db database.Querier, t *twin.Twin, args ...any) (pgconn.CommandTag, error)
}

// Enhancements is what an EnhancedBaseRepository has above a BaseRepository.
// Each may be nil and is then left out.
type Enhancements struct {
	// Statements hands out the statements and retries stale plans.
	Statements *PreparedStatementPool
	// Metrics measures queries and batches.
	Metrics *RepositoryMetrics
	// Twins picks the side of a twin. Without it the plain side answers.
	Twins TwinRunner
	// Reads runs the reads that are declared Pipelined. Without it they go like the
	// others. A transaction's own repository runs them in the transaction.
	Reads *campaign.Pipeline
	// BatchRows is the DB_BATCH_SIZE of NewBatch, see MaxRows. 0 takes its defaults.
	BatchRows int
}

// EnhancedBaseRepository runs declared queries as statements of the pool, twins
// through the runner, and measures all of it.
type EnhancedBaseRepository struct {
	*BaseRepository
	with   Enhancements
	scoped bool // the Querier runs inside a campaign
}

// NewEnhancedBaseRepository returns an enhanced repository over a pool, a scope or a transaction.
func NewEnhancedBaseRepository(q database.Querier, with Enhancements) *EnhancedBaseRepository {
	_, scoped := q.(*campaign.Scope)
	return &EnhancedBaseRepository{BaseRepository: NewBaseRepository(q), with: with, scoped: scoped}
}

// Query implements Repository. It is measured until the rows are closed.
func (r *EnhancedBaseRepository) Query(ctx context.Context, d *Declaration, args ...any) (pgx.Rows, error) {
	rows, err := r.query(ctx, d, args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// QueryRow implements Repository. It is measured until Scan returns.
func (r *EnhancedBaseRepository) QueryRow(ctx context.Context, d *Declaration, args ...any) pgx.Row {
	rows, err := r.query(ctx, d, args)
	if err != nil {
		return failedRow{err}
	}
	return (*peekedRow)(rows)
}

// Exec implements Repository.
func (r *EnhancedBaseRepository) Exec(ctx context.Context, d *Declaration, args ...any) (pgconn.CommandTag, error) {
	c := r.start(ctx, d.name, d.operation)
	tag, err := r.exec(d.named(ctx), d, args)
	c.end(tag.RowsAffected(), err)
	return tag, err
}

func (r *EnhancedBaseRepository) exec(ctx context.Context, d *Declaration, args []any) (pgconn.CommandTag, error) {
	switch {
	case d.twin != nil && r.with.Twins != nil:
		return r.with.Twins.Exec(ctx, r.q, d.twin, args...)
	case r.with.Statements != nil:
		s, err := r.with.Statements.GetOrPrepare(ctx, d.sql)
		if err != nil {
			return pgconn.CommandTag{}, err
		}
		return s.Exec(ctx, r.q, args...)
	default:
		return exec(ctx, r.q, d.sql, args, nil)
	}
}

// QueryWithMetrics runs a text that is not declared, through the statement pool
// and measured under the context's name (see database.WithQueryName), or "other".
func (r *EnhancedBaseRepository) QueryWithMetrics(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	return r.Query(ctx, &Declaration{name: database.QueryName(ctx), operation: operationOf(query), sql: query}, args...)
}

// NewBatch implements Repository. The batch is measured.
func (r *EnhancedBaseRepository) NewBatch(t *Table, opts ...BatchOption) (*Batch, error) {
	own := []BatchOption{WithBatchMetrics(r.with.Metrics)}
	if r.with.BatchRows > 0 {
		own = append(own, MaxRows(r.with.BatchRows))
	}
	return NewBatch(r.q, t, append(own, opts...)...)
}

// InTx implements Repository.
func (r *EnhancedBaseRepository) InTx(ctx context.Context, o database.TxOptions, fn func(ctx context.Context, r Repository) error) error {
	with := r.with
	with.Reads = nil
	return inTx(ctx, r.q, o, func(ctx context.Context, tx pgx.Tx) error {
		return fn(ctx, &EnhancedBaseRepository{BaseRepository: NewBaseRepository(tx), with: with, scoped: r.scoped})
	})
}

func (r *EnhancedBaseRepository) start(ctx context.Context, name, operation string) call {
	return r.with.Metrics.meter(name, operation).start(scopedCampaign(ctx, r.scoped))
}

func (r *EnhancedBaseRepository) query(ctx context.Context, d *Declaration, args []any) (*peekedRows, error) {
	c := r.start(ctx, d.name, d.operation)
	rows, err := r.run(d.named(ctx), d, args)
	if err != nil {
		c.end(0, err)
		return nil, err
	}
	rows.call = c
	return rows, nil
}

func (r *EnhancedBaseRepository) run(ctx context.Context, d *Declaration, args []any) (*peekedRows, error) {
	q := r.q
	if d.pipelined && r.with.Reads != nil {
		q = r.with.Reads
	}
	switch {
	case d.twin != nil && r.with.Twins != nil:
		rows, err := r.with.Twins.Query(ctx, q, d.twin, args...)
		if err != nil {
			return nil, err
		}
		return &peekedRows{Rows: rows}, nil
	case r.with.Statements != nil:
		s, err := r.with.Statements.GetOrPrepare(ctx, d.sql)
		if err != nil {
			return nil, err
		}
		return s.query(ctx, q, args)
	default:
		return query(ctx, q, d.sql, args, nil)
	}
}
