package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/schema"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const appRole = "ovasabi_app"

// ground is the server of a run: one of our own, or the reader's.
type ground struct {
	o      Options
	server *embedded.Server // nil on the reader's
	dir    string
	open   map[string]*pair
}

// address is one database, as its owner and as the services' role.
type address struct {
	name, owner, app string
}

// pair is the two databases that a scenario compares. On the reader's server both are the same one.
type pair struct {
	plain, newest address
	own           bool
}

// stopTimeout bounds the stopping of the server after everything else has ended.
const stopTimeout = 30 * time.Second

func openGround(ctx context.Context, o Options) (*ground, error) {
	g := &ground{o: o, open: map[string]*pair{}}
	if o.DatabaseURL != "" {
		return g, nil
	}
	dir, err := os.MkdirTemp(o.WorkDir, "ovasabi-bench-")
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "work-dir", Message: "must be a folder that can be written to", Err: err}
	}
	g.dir = dir
	g.server, err = embedded.Start(ctx, embedded.Options{
		DataDir: dir, BinDir: o.BinDir, Progress: o.Progress, Log: o.Log,
		Ephemeral: o.Short, // a short run asserts no time, so that nothing need reach the disk
		// One machine's settings, but for the housekeeping that would come in the middle of a measurement.
		Settings: map[string]string{
			"autovacuum": "off", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
			"pg_stat_statements.max": "10000", // the collectors are to meet 5,000
			"scram_iterations":       "4096",  // lib/pq refuses fewer
		},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return g, nil
}

// close stops the server and removes what it kept.
func (g *ground) close(ctx context.Context) error {
	if g.server == nil {
		return nil
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(g.server.Stop(stopping), os.RemoveAll(g.dir))
}

func (g *ground) address(database string) address {
	return address{database, g.server.URL(g.server.Superuser(), database), g.server.URL(appRole, database)}
}

// describe reads what the server is.
func (g *ground) describe(ctx context.Context) (Server, error) {
	url := g.o.DatabaseURL
	if g.server != nil {
		url = g.address("postgres").owner
	}
	s := Server{Own: g.server != nil, SchemaBefore: int(schema.Foundation), SchemaAfter: int(schema.Latest())}
	err := with(ctx, url, func(conn *pgx.Conn) error {
		s.Version = conn.PgConn().ParameterStatus("server_version")
		var err error
		s.Settings, err = settings(ctx, conn)
		return err
	})
	if g.server == nil { // one schema serves both sides there, whichever it is
		s.SchemaBefore, s.SchemaAfter = 0, 0
	}
	return s, err
}

// with runs fn on a connection of its own that prepares nothing.
func with(ctx context.Context, url string, fn func(conn *pgx.Conn) error) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fault.Field("database-url", "must be a URL such as postgres://user:password@host:5432/database")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return &fault.Error{Kind: fault.Unavailable, Field: "database-url", Message: "the server cannot be reached", Err: err}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return fn(conn)
}

func run(ctx context.Context, url string, statements ...string) error {
	return with(ctx, url, func(conn *pgx.Conn) error {
		for _, s := range statements {
			if _, err := conn.Exec(ctx, s); err != nil {
				return fault.FromPostgres(err)
			}
		}
		return nil
	})
}

// pair returns the two databases of a population, made at the first call. The
// second is a copy of the first's files, migrated to the newest phase: both hold
// the same rows. Both are vacuumed, analysed and on disk before anybody measures.
func (g *ground) pair(ctx context.Context, name string, p population) (*pair, error) {
	if g.server == nil {
		same := address{name: "reader", app: g.o.DatabaseURL}
		return &pair{plain: same, newest: same}, nil
	}
	if have, ok := g.open[name]; ok {
		return have, nil
	}
	made := &pair{plain: g.address("bench_" + name + "_plain"), newest: g.address("bench_" + name + "_newest"), own: true}
	admin := g.address("postgres").owner
	if err := run(ctx, admin, `CREATE DATABASE `+quoted(made.plain.name)); err != nil {
		return nil, err
	}
	quiet := schema.Options{Log: g.o.Log}
	if err := schema.Up(ctx, made.plain.owner, schema.Foundation, quiet); err != nil {
		return nil, err
	}
	if err := g.server.EnsureLogin(ctx, appRole); err != nil {
		return nil, err
	}
	made.plain, made.newest = g.address(made.plain.name), g.address(made.newest.name) // with the password
	err := with(ctx, made.plain.owner, func(conn *pgx.Conn) error {
		return p.write(ctx, conn, g.o.Seed, func(table string, done, of int) {
			g.o.Progress(fmt.Sprintf("writing %s: %d of %d rows", table, done, of))
		})
	})
	if err != nil {
		return nil, err
	}
	g.o.Progress("copying the database and migrating the copy to phase " + strconv.Itoa(int(schema.Latest())))
	err = run(ctx, admin, `CREATE DATABASE `+quoted(made.newest.name)+` TEMPLATE `+quoted(made.plain.name)+` STRATEGY FILE_COPY`)
	if err != nil {
		return nil, err
	}
	if err := schema.Up(ctx, made.newest.owner, schema.Latest(), quiet); err != nil {
		return nil, err
	}
	for _, a := range []address{made.plain, made.newest} {
		g.o.Progress("vacuuming and analysing " + a.name)
		if err := run(ctx, a.owner, `VACUUM (FREEZE, ANALYZE)`, `CHECKPOINT`); err != nil {
			return nil, err
		}
	}
	g.open[name] = made
	return made, nil
}

// drop removes a pair that no other scenario needs.
func (g *ground) drop(ctx context.Context, name string) error {
	p, ok := g.open[name]
	if !ok {
		return nil
	}
	delete(g.open, name)
	admin := g.address("postgres").owner
	return run(ctx, admin, `DROP DATABASE `+quoted(p.plain.name)+` WITH (FORCE)`, `DROP DATABASE `+quoted(p.newest.name)+` WITH (FORCE)`)
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// in is a context inside a campaign.
func in(ctx context.Context, id int64) context.Context {
	return campaign.NewContext(ctx, campaign.ID(id))
}
