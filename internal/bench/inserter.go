package bench

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// eventTable is what the batches write, with the ids that it gives back.
var eventTable = repository.MustTable(repository.TableSpec{
	Name: pgx.Identifier{"ovasabi", "service_event"},
	ID:   "id",
	Columns: []repository.Column{
		{Name: "event_id", Type: "text", NotNull: true},
		{Name: "event_type", Type: "text", NotNull: true},
		{Name: "entity_id", Type: "text", NotNull: true},
		{Name: "occurred_at", Type: "timestamptz", NotNull: true},
		{Name: "metadata", Type: "jsonb", NotNull: true},
		{Name: "payload", Type: "jsonb", NotNull: true},
	},
	Key: []string{"event_id"},
})

const insertEventSQL = `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, metadata, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id`

// inserter writes events in one way after another, never the same event twice.
type inserter struct {
	plain    *plainSide
	full     *fullSide
	owner    *pgxpool.Pool
	onPlain  *pgxpool.Pool // the owner's on the plain schema
	peers    []openPeer
	pair     *pair
	draw     *generator
	written  int
	campaign int64
}

// rows makes n new events, the campaign first.
func (w *inserter) rows(n int) [][]any {
	rows := make([][]any, n)
	for i := range rows {
		w.written++
		rows[i] = []any{
			w.campaign, fmt.Sprintf("new-%09d", w.written), w.draw.choice(eventTypes, []int{25, 20, 15, 15, 10, 10, 3, 2}), fmt.Sprintf("order/%d", w.draw.draw.IntN(10_000)),
			end.Add(time.Duration(w.written) * time.Millisecond), `{"source": "bench"}`, `{"pieces": 2, "total_cents": 1990}`,
		}
	}
	return rows
}

// rowByRow is before: one statement a row, in one transaction.
func (w *inserter) rowByRow(ctx context.Context, rows [][]any) error {
	return w.plain.inCampaign(ctx, w.campaign, func(tx *sql.Tx) error {
		for _, r := range rows {
			var id int64
			if err := tx.QueryRowContext(ctx, insertEventSQL, r...).Scan(&id); err != nil {
				return err
			}
		}
		return nil
	})
}

// rowCommits is the plain repository's insert called for every row.
func (w *inserter) rowCommits(ctx context.Context, rows [][]any) error {
	for _, r := range rows {
		if err := w.rowByRow(ctx, [][]any{r}); err != nil {
			return err
		}
	}
	return nil
}

// queued sends a row a statement, all in one round trip.
func (w *inserter) queued(ctx context.Context, rows [][]any) error {
	b := &pgx.Batch{}
	for _, r := range rows {
		b.Queue(insertEventSQL, r...)
	}
	results := w.full.scope.SendBatch(in(ctx, w.campaign), b)
	for range rows {
		var id int64
		if err := results.QueryRow().Scan(&id); err != nil {
			_ = results.Close()
			return err
		}
	}
	return results.Close()
}

const unnestEventsSQL = `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, metadata, payload)
SELECT $1::bigint, u.event_id, u.event_type, u.entity_id, u.occurred_at, u.metadata, u.payload
FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::jsonb[])
    AS u (event_id, event_type, entity_id, occurred_at, metadata, payload)
RETURNING id`

// unnested is what somebody writes by hand for this one table: pgx, arrays, and the
// scope in the same round trip.
func (w *inserter) unnested(ctx context.Context, rows [][]any) error {
	var ids, types, entities, metadata, payloads []string
	var times []time.Time
	for _, r := range rows {
		ids, types, entities = append(ids, r[1].(string)), append(types, r[2].(string)), append(entities, r[3].(string))
		times = append(times, r[4].(time.Time))
		metadata, payloads = append(metadata, r[5].(string)), append(payloads, r[6].(string))
	}
	b := &pgx.Batch{}
	b.Queue(setCampaign, itoa(w.campaign))
	b.Queue(unnestEventsSQL, w.campaign, ids, types, entities, times, metadata, payloads)
	results := w.full.pool.SendBatch(ctx, b)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return fault.FromPostgres(err)
	}
	stored, err := results.Query()
	if err != nil {
		return fault.FromPostgres(err)
	}
	if _, err := pgx.CollectRows(stored, pgx.RowTo[int64]); err != nil {
		return fault.FromPostgres(err)
	}
	return fault.FromPostgres(results.Close())
}

// batched is after: the BatchInserter, with ids.
func (w *inserter) batched(ctx context.Context, rows [][]any) error {
	return w.batch(ctx, rows, repository.MaxRows(max(len(rows), repository.DefaultBatchRows)))
}

// overTwo is the same chunk by chunk, over two connections at once.
func (w *inserter) overTwo(ctx context.Context, rows [][]any) error {
	return w.batch(ctx, rows, repository.ChunkByChunk(), repository.Connections(2))
}

func (w *inserter) batch(ctx context.Context, rows [][]any, opts ...repository.BatchOption) error {
	b, err := w.full.repo.NewBatch(eventTable, opts...)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := b.AddRow(r[1:]...); err != nil {
			return err
		}
	}
	if err := b.Execute(in(ctx, w.campaign)); err != nil {
		return err
	}
	if ids := b.GetInsertedIDs(); len(ids) != len(rows) || ids[0] == 0 || ids[len(ids)-1] == 0 {
		return fault.New(fault.Internal, "the batch gave %d ids for %d rows", len(ids), len(rows))
	}
	return nil
}

// copied is the floor: COPY by the owner, who is not subject to row-level security; no ids come back.
func (w *inserter) copied(ctx context.Context, rows [][]any) error {
	_, err := w.owner.CopyFrom(ctx, pgx.Identifier{"ovasabi", "service_event"},
		append([]string{"campaign_id"}, eventTable.Columns()...), pgx.CopyFromRows(rows))
	return fault.FromPostgres(err)
}

func (s *stage) inserter(ctx context.Context) (*inserter, func(), error) {
	pair, err := s.pair(ctx, "bulk", population{campaigns: 3, skew: 1, bodyWords: 1})
	if err != nil {
		return nil, nil, err
	}
	w := &inserter{campaign: 1, pair: pair, draw: newGenerator(population{campaigns: 3, skew: 1}, s.o.Seed, "bulk")}
	var closers []func()
	closeAll := func() {
		for _, c := range closers {
			c()
		}
	}
	if w.plain, err = openPlain(pair.plain.app, 4, false); err != nil {
		return nil, nil, err
	}
	closers = append(closers, w.plain.close)
	if w.full, err = openFull(ctx, pair.newest.app, fullOptions{conns: 4}); err == nil {
		closers = append(closers, w.full.close)
		w.owner, err = pgxpool.New(ctx, pair.newest.owner)
	}
	if err == nil {
		closers = append(closers, w.owner.Close)
		w.onPlain, err = pgxpool.New(ctx, pair.plain.owner)
	}
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	closers = append(closers, w.onPlain.Close)
	var closePeers func() error
	w.peers, closePeers, err = s.openPeers(ctx, pair.newest, 4, func(p *Session) bool { return p.Insert != nil })
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	closers = append(closers, func() { _ = closePeers() })
	return w, closeAll, nil
}

// empty gives every block the same empty table on both sides, outside of its time.
func (w *inserter) empty(ctx context.Context) error {
	for _, pool := range []*pgxpool.Pool{w.owner, w.onPlain} {
		if _, err := pool.Exec(ctx, `TRUNCATE ovasabi.service_event`); err != nil {
			return fault.FromPostgres(err)
		}
	}
	for _, p := range w.peers {
		if _, err := w.owner.Exec(ctx, p.Empty); p.Empty != "" && err != nil {
			return fault.FromPostgres(err)
		}
	}
	return nil
}

const storedEventsSQL = `
SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', e.campaign_id, e.event_id, e.event_type, e.entity_id, e.occurred_at, e.metadata, e.payload), 0)), 0)::text
FROM ovasabi.service_event AS e`

// inserted is one way to write events and where what it wrote can be seen.
type inserted struct {
	name  string
	write func(context.Context, [][]any) error
	pool  *pgxpool.Pool
	// stored counts and hashes; empty takes storedEventsSQL.
	stored string
}

// all are the ways, before first; those whose name is a variant's are timed.
func (w *inserter) all() []inserted {
	ways := []inserted{
		{"before", w.rowByRow, w.onPlain, ""},
		{"pgx_batch", w.queued, w.owner, ""},
		{"pgx_unnest", w.unnested, w.owner, ""},
		{"after", w.batched, w.owner, ""},
		{"two_connections", w.overTwo, w.owner, ""},
		{"copy", w.copied, w.owner, ""},
	}
	for _, p := range w.peers {
		ways = append(ways, inserted{p.name, func(ctx context.Context, rows [][]any) error { return w.byPeer(ctx, p, rows) }, w.owner, p.Stored})
	}
	return ways
}

func (w *inserter) byPeer(ctx context.Context, p openPeer, rows [][]any) error {
	ids, err := p.Insert(ctx, w.campaign, eventsOf(rows))
	if err != nil {
		return err
	}
	if len(ids) != len(rows) || ids[0] == 0 || ids[len(ids)-1] == 0 {
		return fault.New(fault.Internal, "%s gave %d ids for %d rows", p.name, len(ids), len(rows))
	}
	return nil
}

// eventsOf are the rows as a peer's users hold them.
func eventsOf(rows [][]any) []Event {
	events := make([]Event, len(rows))
	for i, r := range rows {
		events[i] = Event{r[0].(int64), 0, r[1].(string), r[2].(string), r[3].(string), r[4].(time.Time), r[5].(string), r[6].(string)}
	}
	return events
}

// sameRows writes the same rows in every way and compares what is stored.
func (w *inserter) sameRows(ctx context.Context, n int) error {
	return w.storeTheSame(ctx, n, append(w.all(), inserted{"a transaction a row", w.rowCommits, w.onPlain, ""}), w.rows(n))
}

func (w *inserter) storeTheSame(ctx context.Context, n int, ways []inserted, rows [][]any) error {
	var first string
	for _, one := range ways {
		if err := w.empty(ctx); err != nil {
			return err
		}
		if err := one.write(ctx, rows); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		var stored int
		var hash string
		if err := one.pool.QueryRow(ctx, cmp.Or(one.stored, storedEventsSQL)).Scan(&stored, &hash); err != nil {
			return fault.FromPostgres(err)
		}
		if first == "" {
			first = hash
		}
		if stored != n || hash != first {
			return fault.New(fault.Conflict, "%s stored other rows than before (%d of %d): a comparison of times would mean nothing", one.name, stored, n)
		}
	}
	return nil
}

// countBatch adds the round trips of a batch in both ways, over connections that count.
func (w *inserter) countBatch(ctx context.Context, size int, f *Figures) error {
	plain, err := openPlain(w.pair.plain.app, 1, true)
	if err != nil {
		return err
	}
	defer plain.close()
	full, err := openFull(ctx, w.pair.newest.app, fullOptions{conns: 1, counted: true, unlimited: true})
	if err != nil {
		return err
	}
	defer full.close()
	counting := &inserter{plain: plain, full: full, campaign: w.campaign}
	for _, side := range []struct {
		name  string
		trips func() int64
		write func(context.Context, [][]any) error
	}{{"before", plain.wire.RoundTrips, counting.rowByRow}, {"after", full.wire.RoundTrips, counting.batched}} {
		if err := side.write(ctx, w.rows(size)); err != nil { // connects and prepares
			return err
		}
		from := side.trips()
		if err := side.write(ctx, w.rows(size)); err != nil {
			return err
		}
		v := f.Variants[side.name]
		v.RoundTrips = new(float64(side.trips() - from))
		f.Variants[side.name] = v
	}
	return nil
}
