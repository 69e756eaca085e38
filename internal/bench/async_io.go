package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// ioServer is a PostgreSQL with one io_method, whose reads miss every cache: few
// buffers of its own, and direct I/O past the system's.
type ioServer struct {
	*pgxpool.Pool
	method string
	server *embedded.Server
	dir    string
}

func (s *stage) ioServer(ctx context.Context, method string) (_ *ioServer, err error) {
	io := &ioServer{method: method}
	if io.dir, err = os.MkdirTemp(s.o.WorkDir, "ovasabi-bench-"); err != nil {
		return nil, err
	}
	io.server, err = embedded.Start(ctx, embedded.Options{
		DataDir: io.dir, BinDir: s.o.BinDir, Log: s.o.Log, Ephemeral: true, // nothing is written while it is measured
		Settings: map[string]string{
			"io_method": method, "shared_buffers": "16MB", "debug_io_direct": "data", "autovacuum": "off", "max_wal_size": "2GB",
			"max_parallel_workers_per_gather": "0", "jit": "off",
		},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(io.dir))
	}
	if io.Pool, err = pgxpool.New(ctx, io.server.URL(io.server.Superuser(), "postgres")); err != nil {
		return nil, errors.Join(fault.FromPostgres(err), io.end(ctx))
	}
	return io, nil
}

func (io *ioServer) end(ctx context.Context) error {
	if io.Pool != nil {
		io.Close()
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(io.server.Stop(stopping), os.RemoveAll(io.dir))
}

// ioMethods are those that this build of PostgreSQL has.
func (s *stage) ioMethods(ctx context.Context) ([]string, error) {
	var methods []string
	err := with(ctx, s.address("postgres").owner, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT s.enumvals FROM pg_catalog.pg_settings AS s WHERE s.name = 'io_method'`).Scan(&methods)
	})
	return methods, fault.FromPostgres(err)
}

const (
	ioTable = `
CREATE TABLE public.cold AS
SELECT
    i AS id,
    (i::bigint * 2654435761 %% 1000000)::int AS place,
    repeat('x', 900) AS body
FROM generate_series(1, %d) AS i`

	seqScanSQL = `
SELECT count(*)
FROM public.cold AS c
WHERE c.body <> ''`

	bitmapScanSQL = `
SELECT count(*)
FROM public.cold AS c
WHERE c.place < 20000
  AND c.body <> ''`
)

func asyncIO(ctx context.Context, s *stage) (_ Scenario, err error) {
	methods, err := s.ioMethods(ctx)
	if err != nil {
		return Scenario{}, err
	}
	if !slices.Contains(methods, "sync") || !slices.Contains(methods, "worker") {
		return Scenario{}, fault.New(fault.Invalid, "the server has the methods %v and not sync and worker", methods)
	}
	rows := s.pick(150_000, 3000)
	var servers []*ioServer
	defer func() {
		for _, one := range servers {
			err = errors.Join(err, one.end(ctx))
		}
	}()
	for _, method := range methods {
		s.sayf("starting a server with io_method = %s and writing %d rows", method, rows)
		one, err := s.ioServer(ctx, method)
		if err != nil {
			return Scenario{}, err
		}
		servers = append(servers, one)
		for _, statement := range []string{fmt.Sprintf(ioTable, rows), `CREATE INDEX ON public.cold (place)`, `VACUUM (FREEZE, ANALYZE) public.cold`, `CHECKPOINT`} {
			if _, err := one.Exec(ctx, statement); err != nil {
				return Scenario{}, fault.FromPostgres(err)
			}
		}
	}
	found := Scenario{Of: fmt.Sprintf("a cold scan of %d rows of a kilobyte", rows)}
	for _, q := range []struct{ name, text, off string }{
		{"sequential scan", seqScanSQL, "enable_indexscan"},
		{"bitmap scan of 2% of the rows", bitmapScanSQL, "enable_seqscan"},
	} {
		f, err := s.coldScans(ctx, servers, q.name, q.text, q.off)
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: q.name, Figures: f})
	}
	found.headline(found.Cases[0])
	found.Note = fmt.Sprintf("Before: io_method sync. After: worker, the default. This build has %v. Each method has a server of its own, with 16 MB of buffers and direct I/O, so that nearly every page comes from the disk. Reads of a row by its key gain nothing.", methods)
	return found, nil
}

// coldScans runs a text on every server in turn and compares what it counts.
func (s *stage) coldScans(ctx context.Context, servers []*ioServer, name, text, off string) (Figures, error) {
	var ways []way
	var want int64
	for i, one := range servers {
		count, err := one.scan(ctx, text, off)
		if err != nil {
			return Figures{}, err
		}
		if i == 0 {
			want = count
		}
		if count != want || count == 0 {
			return Figures{}, fault.New(fault.Conflict, "%s counts %d rows and %s %d", one.method, count, servers[0].method, want)
		}
		shown := one.method
		switch shown {
		case "sync":
			shown = "before"
		case "worker":
			shown = "after"
		}
		ways = append(ways, way{name: shown, block: inTurn(1, func(ctx context.Context, _ int) error {
			_, err := one.scan(ctx, text, off)
			return err
		})})
	}
	return measure(ctx, s.plan(6, name), ways)
}

// scan counts, with one kind of plan off so that the other is taken.
func (io *ioServer) scan(ctx context.Context, text, off string) (n int64, err error) {
	err = pgx.BeginFunc(ctx, io, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config($1, 'off', true), set_config('enable_indexscan', 'off', true)`, off); err != nil {
			return err
		}
		return tx.QueryRow(ctx, text).Scan(&n)
	})
	return n, fault.FromPostgres(err)
}
