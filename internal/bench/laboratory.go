package bench

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/explain"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// laboratory is a database of one scenario's own tables, in the schema
// laboratory, for questions about PostgreSQL that the platform's tables do not put.
type laboratory struct {
	*pgxpool.Pool
	s    *stage
	name string
}

func (s *stage) laboratory(ctx context.Context) (*laboratory, error) {
	l := &laboratory{s: s, name: "bench_" + s.name}
	err := run(ctx, s.address("postgres").owner, `CREATE DATABASE `+quoted(l.name))
	if err != nil {
		return nil, err
	}
	l.Pool, err = pgxpool.New(ctx, s.address(l.name).owner)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	return l, l.do(ctx, `CREATE SCHEMA laboratory`)
}

// do runs statements one after another.
func (l *laboratory) do(ctx context.Context, statements ...string) error {
	for _, one := range statements {
		if _, err := l.Exec(ctx, one); err != nil {
			return fault.FromPostgres(err)
		}
	}
	return nil
}

// end drops the database.
func (l *laboratory) end(ctx context.Context) error {
	l.Close()
	return run(ctx, l.s.address("postgres").owner, `DROP DATABASE `+quoted(l.name)+` WITH (FORCE)`)
}

// fact reads one number.
func (l *laboratory) fact(ctx context.Context, what, unit, text string, args ...any) (Fact, error) {
	var v float64
	err := l.QueryRow(ctx, text, args...).Scan(&v)
	return Fact{what, v, unit}, fault.FromPostgres(err)
}

// asking is a block of reads of ids.
func (l *laboratory) asking(n int, text string, args func(i int) []any) func(context.Context, int) (sample, error) {
	return inTurn(n, func(ctx context.Context, i int) error {
		_, err := idsOf(ctx, l, text, args(i)...)
		return err
	})
}

// pages adds what one execution of a text touches to a variant.
func (l *laboratory) pages(ctx context.Context, f *Figures, variant, text string, args []any) (explain.Plan, error) {
	e, err := explain.Run(ctx, l, text, args...)
	if err != nil {
		return e, err
	}
	v := f.Variants[variant]
	v.Buffers = new(float64(e.Buffers))
	f.Variants[variant] = v
	return e, nil
}

// timed runs one thing and makes a sample of it.
func timed(do func(ctx context.Context) error) func(context.Context, int) (sample, error) {
	return func(ctx context.Context, _ int) (sample, error) {
		start := time.Now()
		err := do(ctx)
		took := time.Since(start)
		return sample{took: []time.Duration{took}, elapsed: took}, err
	}
}
