package bench

import (
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

// batched is after: the BatchInserter, with ids.
func (w *inserter) batched(ctx context.Context, rows [][]any) error {
	b, err := w.full.repo.NewBatch(eventTable, repository.MaxRows(max(len(rows), repository.DefaultBatchRows)))
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
	w := &inserter{campaign: 1, draw: newGenerator(population{campaigns: 3, skew: 1}, s.o.Seed, "bulk")}
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
	return w, closeAll, nil
}

// empty gives every block the same empty table on both sides, outside of its time.
func (w *inserter) empty(ctx context.Context) error {
	for _, pool := range []*pgxpool.Pool{w.owner, w.onPlain} {
		if _, err := pool.Exec(ctx, `TRUNCATE ovasabi.service_event`); err != nil {
			return fault.FromPostgres(err)
		}
	}
	return nil
}

const storedEventsSQL = `
SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', e.campaign_id, e.event_id, e.event_type, e.entity_id, e.occurred_at, e.metadata, e.payload), 0)), 0)::text
FROM ovasabi.service_event AS e`

// sameRows writes the same rows in every way and compares what is stored.
func (w *inserter) sameRows(ctx context.Context, n int) error {
	rows := w.rows(n)
	var first string
	for _, one := range []struct {
		name  string
		write func(context.Context, [][]any) error
		pool  *pgxpool.Pool
	}{
		{"before", w.rowByRow, w.onPlain}, {"a transaction a row", w.rowCommits, w.onPlain}, {"pgx.Batch", w.queued, w.owner}, {"after", w.batched, w.owner}, {"COPY", w.copied, w.owner},
	} {
		if err := w.empty(ctx); err != nil {
			return err
		}
		if err := one.write(ctx, rows); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		var stored int
		var hash string
		if err := one.pool.QueryRow(ctx, storedEventsSQL).Scan(&stored, &hash); err != nil {
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

// ways writes batches of a size in every way; one operation is one batch.
func (w *inserter) ways(size, blocks int) []way {
	blockOf := func(write func(context.Context, [][]any) error) func(context.Context, int) (sample, error) {
		return func(ctx context.Context, round int) (sample, error) {
			batches := make([][][]any, blocks)
			for i := range batches {
				batches[i] = w.rows(size)
			}
			return inTurn(blocks, func(ctx context.Context, i int) error { return write(ctx, batches[i%blocks]) })(ctx, round)
		}
	}
	return []way{
		{name: "before", block: blockOf(w.rowByRow), before: w.empty, rows: size},
		{name: "pgx_batch", block: blockOf(w.queued), before: w.empty, rows: size},
		{name: "after", block: blockOf(w.batched), before: w.empty, rows: size},
		{name: "copy", block: blockOf(w.copied), before: w.empty, rows: size},
	}
}

// bulkTarget is the promised 50% more.
const bulkTarget = 1.5

func bulkInsert(ctx context.Context, s *stage) (Scenario, error) {
	w, closeAll, err := s.inserter(ctx)
	if err != nil {
		return Scenario{}, err
	}
	defer closeAll()
	s.sayf("comparing what every way stores")
	if err := w.sameRows(ctx, s.pick(500, 50)); err != nil {
		return Scenario{}, err
	}
	found := Scenario{Of: "one batch of events, stored and committed, on disk"}
	for _, size := range []int{s.pick(100, 10), s.pick(1000, 50), s.pick(5000, 100)} {
		f, err := measure(ctx, s.plan(6, fmt.Sprintf("%d rows", size)), w.ways(size, max(s.pick(1000, 100)/size, 1)))
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: fmt.Sprintf("%d rows", size), Figures: f})
	}
	found.headline(found.Cases[1])
	found.promise(bulkTarget)
	copies := found.Variants["after"].OpsPerS / found.Variants["copy"].OpsPerS
	found.Goals = append(found.Goals, atLeast("times the rows a second of before", found.Ratio, 10), atLeast("share of COPY's rows a second", copies, 0.9))
	commits, err := measure(ctx, s.plan(3, "a transaction a row"), []way{
		{name: "before", before: w.empty, rows: 100, block: inTurn(1, func(ctx context.Context, _ int) error { return w.rowCommits(ctx, w.rows(100)) })},
		{name: "after", before: w.empty, rows: 100, block: inTurn(1, func(ctx context.Context, _ int) error { return w.batched(ctx, w.rows(100)) })},
	})
	if err != nil {
		return found, err
	}
	found.Cases = append(found.Cases, Case{Name: "100 rows, before commits each", Figures: commits})
	found.Note = "Before: a statement a row in one transaction (its fairest form). COPY is the floor: it runs as the owner, because PostgreSQL refuses it under row-level security, and returns no ids. Every block meets an empty table with four indexes and a foreign key."
	return found, s.drop(ctx, "bulk")
}
