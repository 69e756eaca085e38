package bench

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// layer is what the overhead scenario compares on one read.
type layer struct {
	*readers
	raw      *pgxpool.Pool // the owner's: no row-level security, no campaign
	wire     *wiretap.Counter
	ownerSQL *plainSide
	unscoped *repository.EnhancedBaseRepository
	peers    []openPeer
}

// overhead compares the data layer with the limit, raw pgx, and with its peers, on
// the cheapest reads there are: everything but the layer itself costs least there.
func overhead(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, 4)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	l := &layer{readers: r}
	if l.raw, l.wire, err = rawPool(ctx, r.pair.newest.owner); err != nil {
		return Scenario{}, err
	}
	defer l.raw.Close()
	if l.ownerSQL, err = openPlain(r.pair.newest.owner, 4, false); err != nil {
		return Scenario{}, err
	}
	defer l.ownerSQL.close()
	l.unscoped = repository.NewEnhancedBaseRepository(l.raw, repository.Enhancements{})
	peers, closePeers, err := s.openPeers(ctx, r.pair.newest, 4, func(p *Session) bool { return p.Document != nil && p.Events != nil })
	if err != nil {
		return Scenario{}, err
	}
	l.peers = peers
	found, err := s.layerCases(ctx, l)
	return found, errors.Join(err, closePeers())
}

func (s *stage) layerCases(ctx context.Context, l *layer) (Scenario, error) {
	found := Scenario{Of: "one read inside a campaign"}
	for _, one := range []struct {
		name string
		read *read
		peer reading
	}{
		{"a document by its key", l.named("content_by_id"), readDocument},
		{"the newest events of an entity", l.named("events_of_entity"), readEvents},
	} {
		calls := draws(s.pick(500, 20), s.o.Seed, []*read{one.read}, l.campaigns)
		if err := compare(ctx, l.p, l.f, calls[:20]); err != nil {
			return found, err
		}
		if err := comparePeers(ctx, l.f, l.peers, calls[:20], one.peer); err != nil {
			return found, err
		}
		f, err := measure(ctx, s.plan(20, one.name), l.ways(s.pick(200, 20), one.read, calls, one.peer))
		if err == nil {
			err = s.countLayers(ctx, l, one.read, &f, calls[:20])
		}
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: one.name, Figures: f})
	}
	found.headline(found.Cases[0])
	found.Note = "Here before is the limit: raw pgx with cached statements, as the owner, so without row-level security and without a campaign. After is everything on, scoped. The ratio says how much of the limit's speed is left. Peers read the same rows as the services' role inside the campaign, each as its users would: a transaction, set_config, the query."
	return found, nil
}

func (r *readers) named(name string) *read {
	return r.reads[slices.IndexFunc(r.reads, func(one *read) bool { return one.name == name })]
}

func (l *layer) ways(block int, what *read, calls []call, peer reading) []way {
	dest := row(what.fields)
	turn := func(name string, do func(ctx context.Context, c call) error) way {
		return way{name: name, block: inTurn(block, func(ctx context.Context, i int) error { return do(ctx, calls[i%len(calls)]) })}
	}
	all := func(rows pgx.Rows, err error) error {
		if err != nil {
			return err
		}
		return scanAll(rows, dest, nil)
	}
	ways := []way{
		turn("before", func(ctx context.Context, c call) error { return all(l.raw.Query(ctx, what.plain, c.args...)) }),
		turn("repository, unscoped", func(ctx context.Context, c call) error { return all(l.unscoped.Query(ctx, what.declared, c.args...)) }),
		turn("scope alone", func(ctx context.Context, c call) error {
			return all(l.f.scope.Query(in(ctx, c.id), what.plain, c.args...))
		}),
		turn("after", func(ctx context.Context, c call) error { return l.f.read(ctx, c.id, what.declared, c.args, dest, nil) }),
		turn("pgx, scoped by a transaction", func(ctx context.Context, c call) error {
			return pgx.BeginFunc(ctx, l.f.pool, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, setCampaign, itoa(c.id)); err != nil {
					return err
				}
				return all(tx.Query(ctx, what.plain, c.args...))
			})
		}),
		turn("database/sql, unscoped", func(ctx context.Context, c call) error { return l.ownerSQL.readUnscoped(ctx, what.plain, c.args, dest) }),
	}
	for _, p := range l.peers {
		ways = append(ways, turn(p.name, func(ctx context.Context, c call) error {
			_, err := peer(ctx, p, c)
			return err
		}))
	}
	return ways
}

// countLayers adds the counts of both ends of the ratio.
func (s *stage) countLayers(ctx context.Context, l *layer, what *read, f *Figures, calls []call) error {
	dest := row(what.fields)
	from := l.wire.RoundTrips()
	for _, c := range calls {
		rows, err := l.raw.Query(ctx, what.plain, c.args...)
		if err != nil {
			return fault.FromPostgres(err)
		}
		if err := scanAll(rows, dest, nil); err != nil {
			return fault.FromPostgres(err)
		}
	}
	trips := float64(l.wire.RoundTrips()-from) / float64(len(calls))
	if err := s.countCalls(ctx, l.readers, f, calls); err != nil {
		return err
	}
	v := f.Variants["before"] // countCalls counts the plain repository under this name
	v.RoundTrips, v.Buffers = &trips, nil
	f.Variants["before"] = v
	return nil
}

// rawPool is pgx and nothing else, whose round trips are counted.
func rawPool(ctx context.Context, url string) (*pgxpool.Pool, *wiretap.Counter, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, fault.Field("database-url", "must be a URL such as postgres://user:password@host:5432/database")
	}
	config.MaxConns = 4
	wire := wiretap.Tap(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return pool, wire, fault.FromPostgres(err)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
