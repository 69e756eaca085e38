package bench

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// plainSide is the repository of before: database/sql, no statement cache, a
// transaction around each scoped read.
type plainSide struct {
	db *sql.DB
	// wire is set where round trips are counted.
	wire *wiretap.Counter
}

// openPlain opens database/sql over pgx's adapter with the pool sizes of the
// plan. Its mode sends a statement with its values in one round trip, where
// lib/pq needs two: before is not made worse than it need be.
func openPlain(url string, conns int, counted bool) (*plainSide, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.Field("database-url", "must be a URL such as postgres://user:password@host:5432/database")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	p := &plainSide{}
	if counted {
		p.wire = wiretap.Tap(config)
	}
	p.db = stdlib.OpenDB(*config)
	p.db.SetMaxOpenConns(conns)
	p.db.SetMaxIdleConns(max(conns/2, 1))
	return p, nil
}

func (p *plainSide) close() { _ = p.db.Close() }

// closed is how many connections the pool has closed because too many were idle:
// each must be opened again.
func (p *plainSide) closed() int64 { return p.db.Stats().MaxIdleClosed }

const setCampaign = `SELECT set_config('app.campaign_id', $1, true)`

// inCampaign runs fn as a plain repository does: four steps, one after another.
func (p *plainSide) inCampaign(ctx context.Context, id int64, fn func(tx *sql.Tx) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, setCampaign, strconv.FormatInt(id, 10)); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// read runs one read and calls each after every row was scanned into dest.
func (p *plainSide) read(ctx context.Context, id int64, text string, args, dest []any, each func()) error {
	return p.inCampaign(ctx, id, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, text, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			if each != nil {
				each()
			}
		}
		return rows.Err()
	})
}

// readUnscoped runs one read outside of a transaction, as a role that needs no campaign.
func (p *plainSide) readUnscoped(ctx context.Context, text string, args, dest []any) error {
	rows, err := p.db.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// fullSide is everything on.
type fullSide struct {
	pool      *pgxpool.Pool
	scope     *campaign.Scope
	admission *campaign.Admission
	reads     *campaign.Pipeline
	flagPool  *pgxpool.Pool
	repo      *repository.EnhancedBaseRepository
	wire      *wiretap.Counter
	closers   []func()
}

// fullOptions say what of everything is on.
type fullOptions struct {
	conns   int
	counted bool
	// unlimited leaves admission out, so that only the pool bounds a campaign.
	unlimited bool
	// limits takes the place of the campaigns' rows. May be nil.
	limits campaign.LimitSource
}

// openFull opens the data layer as the platform does.
func openFull(ctx context.Context, url string, o fullOptions) (*fullSide, error) {
	f := &fullSide{}
	log := slog.New(slog.DiscardHandler)
	statements, err := repository.NewPreparedStatementPool(repository.WithStatementLogger(log))
	if err != nil {
		return nil, err
	}
	metrics, err := repository.NewRepositoryMetrics()
	if err != nil {
		return nil, err
	}
	if err := f.openPool(ctx, url, o, statements, metrics, log); err != nil {
		return nil, err
	}
	statements.Use(f.pool)
	options := []campaign.ScopeOption{}
	if !o.unlimited {
		if o.limits == nil {
			o.limits = campaign.RowLimits{Pool: f.pool}
		}
		f.admission, err = campaign.NewAdmission(campaign.AdmissionConfig{Capacity: o.conns, Log: log}, o.limits)
		if err != nil {
			f.close()
			return nil, err
		}
		f.closers = append(f.closers, f.admission.Close)
		options = append(options, campaign.WithAdmission(f.admission))
	}
	f.scope = campaign.NewScope(f.pool, options...)
	if f.reads, err = campaign.NewPipeline(f.scope, campaign.PipelineOptions{}); err != nil {
		f.close()
		return nil, err
	}
	f.closers = append(f.closers, f.reads.Close)
	// The flags have a connection of their own, so that following them takes no
	// place in the pool and no round trip of theirs is counted.
	own, err := pgxpool.ParseConfig(url)
	if err == nil {
		own.MaxConns = 1
		f.flagPool, err = pgxpool.NewWithConfig(ctx, own)
	}
	if err != nil {
		f.close()
		return nil, fault.FromPostgres(err)
	}
	f.closers = append(f.closers, f.flagPool.Close)
	flags, err := twin.NewFlags(ctx, f.flagPool, twin.FlagOptions{Listen: own.ConnConfig, Log: log})
	if err != nil {
		f.close()
		return nil, err
	}
	f.closers = append(f.closers, flags.Close)
	runner, err := twin.NewRunner(flags, twin.Options{Log: log})
	if err != nil {
		f.close()
		return nil, err
	}
	f.closers = append(f.closers, runner.Close)
	f.repo = repository.NewEnhancedBaseRepository(f.scope, repository.Enhancements{Statements: statements, Metrics: metrics, Twins: runner, Reads: f.reads})
	return f, nil
}

func (f *fullSide) openPool(ctx context.Context, url string, o fullOptions, statements *repository.PreparedStatementPool, metrics *repository.RepositoryMetrics, log *slog.Logger) error {
	if o.counted {
		config, err := pgxpool.ParseConfig(url)
		if err != nil {
			return fault.Field("database-url", "must be a URL such as postgres://user:password@host:5432/database")
		}
		config.MaxConns = int32(o.conns)
		config.ConnConfig.Tracer, config.AfterConnect = statements, statements.AfterConnect
		f.wire = wiretap.Tap(config.ConnConfig)
		if f.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return fault.FromPostgres(err)
		}
		f.closers = append(f.closers, f.pool.Close)
		return nil
	}
	config := database.Default()
	config.MaxOpenConns, config.MaxIdleConns = o.conns, max(o.conns/2, 1)
	db, err := database.Open(ctx, url, config, database.WithLogger(log),
		database.WithTracer(statements), database.WithTracer(metrics), database.WithAfterConnect(statements.AfterConnect))
	if err != nil {
		return err
	}
	f.pool = db.Pool
	f.closers = append(f.closers, db.Close)
	return nil
}

func (f *fullSide) close() {
	for _, v := range slices.Backward(f.closers) {
		v()
	}
	f.closers = nil
}

// waited is how long calls have waited for a connection and for their campaign's turn, added up.
func (f *fullSide) waited() time.Duration {
	all := f.pool.Stat().EmptyAcquireWaitTime()
	if f.admission != nil {
		for _, l := range f.admission.Loads() {
			all += l.Waited
		}
	}
	return all
}

// read runs one declared read and calls each after every row was scanned into dest.
func (f *fullSide) read(ctx context.Context, id int64, d *repository.Declaration, args, dest []any, each func()) error {
	rows, err := f.repo.Query(in(ctx, id), d, args...)
	if err != nil {
		return err
	}
	return scanAll(rows, dest, each)
}

func scanAll(rows pgx.Rows, dest []any, each func()) error {
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if each != nil {
			each()
		}
	}
	rows.Close()
	return rows.Err()
}

// fieldsOf returns what a text returns, without running it.
func fieldsOf(ctx context.Context, pool *pgxpool.Pool, text string) ([]pgconn.FieldDescription, error) {
	var fields []pgconn.FieldDescription
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		description, err := conn.Conn().PgConn().Prepare(ctx, "", text, nil)
		if err == nil {
			fields = description.Fields
		}
		return err
	})
	return fields, fault.FromPostgres(err)
}
