package bench

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// An order touches the rows of three services in one transaction.
const (
	takeStockSQL = `
UPDATE ovasabi.service_product_main
SET stock = stock + 1
WHERE campaign_id = $1::bigint
  AND id = $2::bigint`

	touchDocumentSQL = `
UPDATE ovasabi.service_content_main
SET version = version + 1
WHERE campaign_id = $1::bigint
  AND id = $2::bigint`

	orderEventSQL = `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, payload)
VALUES ($1::bigint, $2::text, 'order:place:v1:success', $3::text, '{"pieces": 1}')`

	ordersSQL = `
SELECT
    (SELECT coalesce(sum(p.stock), 0) FROM ovasabi.service_product_main AS p)::float8 / 2
    + (SELECT coalesce(sum(c.version), 0) FROM ovasabi.service_content_main AS c)::float8
    + (SELECT count(*) FROM ovasabi.service_event AS e)::float8`
)

// ordering writes in both databases and counts what it wrote in each.
type ordering struct {
	r                   *readers
	of                  *known
	onPlain, onNewest   *pgxpool.Pool
	next                atomic.Int64 // event ids are never used twice
	wroteOld, wroteNews atomic.Int64
}

// order is what one transaction writes. hot takes the same product every time.
type order struct {
	document, product int64
	event, entity     string
}

func (o *ordering) order(i int, hot bool) order {
	of := order{o.of.content[i%len(o.of.content)], o.of.products[i%len(o.of.products)], fmt.Sprintf("order-%09d", o.next.Add(1)), fmt.Sprintf("order/%d", i%1000)}
	if hot {
		of.product = o.of.products[0]
	}
	return of
}

// statements are the three writes, the row that others wait for last.
func (o *ordering) statements(w order) []statement {
	return []statement{
		{touchDocumentSQL, []any{o.of.id, w.document}},
		{orderEventSQL, []any{o.of.id, w.event, w.entity}},
		{takeStockSQL, []any{o.of.id, w.product}},
	}
}

type statement struct {
	text string
	args []any
}

// before is a transaction of database/sql: six round trips, the lock held for two of them.
func (o *ordering) before(ctx context.Context, w order) error {
	return o.r.p.inCampaign(ctx, o.of.id, func(tx *sql.Tx) error {
		for _, s := range o.statements(w) {
			if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// inTx is the scope's transaction, for work that looks at a result before it goes on.
func (o *ordering) inTx(ctx context.Context, w order) error {
	return o.r.f.scope.InTx(in(ctx, o.of.id), database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		for _, s := range o.statements(w) {
			if _, err := tx.Exec(ctx, s.text, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// batched is the scope's batch: the same transaction in one round trip.
func (o *ordering) batched(ctx context.Context, w order) error {
	b := &pgx.Batch{}
	for _, s := range o.statements(w) {
		b.Queue(s.text, s.args...)
	}
	return o.r.f.scope.SendBatch(in(ctx, o.of.id), b).Close()
}

// transactions measures writes of three services in one transaction, on rows of
// their own and on one that all of them want.
func (s *stage) transactions(ctx context.Context) (_ []Case, err error) {
	pair, err := s.pair(ctx, "orders", population{campaigns: 3, skew: 1, bodyWords: 10, content: s.pick(3000, 500), users: 600, products: s.pick(3000, 500), events: 1000})
	if err != nil {
		return nil, err
	}
	o := &ordering{}
	if o.r, err = s.readersOn(ctx, pair, poolSize); err != nil {
		return nil, err
	}
	defer o.r.close()
	o.of = o.r.campaigns[0]
	if o.onPlain, err = pgxpool.New(ctx, pair.plain.owner); err != nil {
		return nil, fault.FromPostgres(err)
	}
	defer o.onPlain.Close()
	if o.onNewest, err = pgxpool.New(ctx, pair.newest.owner); err != nil {
		return nil, fault.FromPostgres(err)
	}
	defer o.onNewest.Close()
	var cases []Case
	for _, one := range []struct {
		name, note string
		hot        bool
	}{
		{"a transaction over three services", "An update of a document, an event and an update of a product's stock, each caller on rows of its own. in_tx is the scope's transaction, for work that looks at a result before it goes on; after is its batch.", false},
		{"a transaction over three services, one row wanted by all", "The same, with one product for all callers: each waits until the one before it has committed, which the disk decides for both.", true},
	} {
		c, err := s.orders(ctx, o, one.name, one.hot)
		if err != nil {
			return nil, err
		}
		c.Note = one.note
		cases = append(cases, c)
	}
	o.r.close()
	o.onPlain.Close()
	o.onNewest.Close()
	return cases, s.drop(ctx, "orders")
}

func (s *stage) orders(ctx context.Context, o *ordering, name string, hot bool) (Case, error) {
	callers, n := s.pick(64, 4), s.pick(320, 20)
	oldStart, newStart, err := o.stored(ctx)
	if err != nil {
		return Case{}, err
	}
	o.wroteOld.Store(0)
	o.wroteNews.Store(0)
	doing := func(write func(context.Context, order) error, wrote *atomic.Int64) func(context.Context, int) (sample, error) {
		return atOnce(callers, n, func(ctx context.Context, i int) error {
			err := write(ctx, o.order(i, hot))
			if err == nil {
				wrote.Add(1)
			}
			return err
		})
	}
	name = fmt.Sprintf("%d callers, %s", callers, name)
	p := s.plan(8, name)
	p.by = byThroughput
	f, err := measure(ctx, p, []way{
		{name: "before", block: doing(o.before, &o.wroteOld)},
		{name: "in_tx", block: doing(o.inTx, &o.wroteNews)},
		{name: "after", block: doing(o.batched, &o.wroteNews)},
	})
	if err != nil {
		return Case{}, err
	}
	old, news, err := o.stored(ctx)
	if err != nil {
		return Case{}, err
	}
	// Each transaction adds a version, an event and one to a stock, of which half is counted.
	const each = 2.5
	if old-oldStart != each*float64(o.wroteOld.Load()) || news-newStart != each*float64(o.wroteNews.Load()) {
		return Case{}, fault.New(fault.Conflict, "%d and %d transactions were answered and the rows say %g and %g", o.wroteOld.Load(), o.wroteNews.Load(), (old-oldStart)/each, (news-newStart)/each)
	}
	return Case{Name: name, Figures: f}, nil
}

// stored adds up what transactions change, in both databases.
func (o *ordering) stored(ctx context.Context) (plain, newest float64, err error) {
	if err = o.onPlain.QueryRow(ctx, ordersSQL).Scan(&plain); err == nil {
		err = o.onNewest.QueryRow(ctx, ordersSQL).Scan(&newest)
	}
	return plain, newest, fault.FromPostgres(err)
}
