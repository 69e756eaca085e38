package bench

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/wiretap"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// overhead compares the data layer with the limit, raw pgx, on the cheapest read there is.
func overhead(ctx context.Context, s *stage) (Scenario, error) {
	r, err := s.readers(ctx, 4)
	if err != nil {
		return Scenario{}, err
	}
	defer r.close()
	raw, wire, err := rawPool(ctx, r.pair.newest.owner)
	if err != nil {
		return Scenario{}, err
	}
	defer raw.Close()
	ownerSQL, err := openPlain(r.pair.newest.owner, 4, false)
	if err != nil {
		return Scenario{}, err
	}
	defer ownerSQL.close()
	byID := r.reads[0]
	calls := draws(s.pick(500, 20), s.o.Seed, []*read{byID}, r.campaigns)
	if err := compare(ctx, r.p, r.f, calls[:20]); err != nil {
		return Scenario{}, err
	}
	unscoped := repository.NewEnhancedBaseRepository(raw, repository.Enhancements{})
	dest := row(byID.fields)
	block := s.pick(300, 20)
	turn := func(do func(ctx context.Context, c call) error) func(context.Context, int) (sample, error) {
		return inTurn(block, func(ctx context.Context, i int) error { return do(ctx, calls[i%len(calls)]) })
	}
	scopedTx := func(ctx context.Context, c call) error {
		return pgx.BeginFunc(ctx, r.f.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, setCampaign, itoa(c.id)); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, byID.plain, c.args...)
			if err != nil {
				return err
			}
			return scanAll(rows, dest, nil)
		})
	}
	rawRead := func(ctx context.Context, c call) error {
		rows, err := raw.Query(ctx, byID.plain, c.args...)
		if err != nil {
			return err
		}
		return scanAll(rows, dest, nil)
	}
	scopeRead := func(ctx context.Context, c call) error {
		rows, err := r.f.scope.Query(in(ctx, c.id), byID.plain, c.args...)
		if err != nil {
			return err
		}
		return scanAll(rows, dest, nil)
	}
	found := Scenario{Of: "one document by its key"}
	found.Figures, err = measure(ctx, s.plan(20, "a row"), []way{
		{name: "before", block: turn(rawRead)},
		{name: "repository, unscoped", block: turn(func(ctx context.Context, c call) error {
			rows, err := unscoped.Query(ctx, byID.declared, c.args...)
			if err != nil {
				return err
			}
			return scanAll(rows, dest, nil)
		})},
		{name: "scope alone", block: turn(scopeRead)},
		{name: "after", block: turn(func(ctx context.Context, c call) error {
			return r.f.read(ctx, c.id, byID.declared, c.args, dest, nil)
		})},
		{name: "pgx, scoped by a transaction", block: turn(scopedTx)},
		{name: "database/sql, unscoped", block: turn(func(ctx context.Context, c call) error {
			return ownerSQL.db.QueryRowContext(ctx, byID.plain, c.args...).Scan(dest...)
		})},
	})
	if err != nil {
		return found, err
	}
	from := wire.RoundTrips()
	for _, c := range calls[:20] {
		if err := rawRead(ctx, c); err != nil {
			return found, err
		}
	}
	rawTrips := float64(wire.RoundTrips()-from) / 20
	if err := s.countCalls(ctx, r, &found.Figures, calls[:20]); err != nil {
		return found, err
	}
	v := found.Variants["before"] // countCalls counts the plain repository under this name
	v.RoundTrips, v.Buffers = &rawTrips, nil
	found.Variants["before"] = v
	found.Note = "Here before is the limit: raw pgx with cached statements, as the owner, so without row-level security and without a campaign. After is everything on, scoped. The ratio says how much of the limit's speed is left."
	return found, nil
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
