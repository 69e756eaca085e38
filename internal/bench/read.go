package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// read is one query of the services with its arguments.
type read struct {
	name string
	// twin is the pair of texts, or text the one that both sides run.
	twin string
	text string
	args func(d *rand.Rand, c *known) []any
	// share is how often the mix draws it, in a hundred.
	share int
	// pipelined reads share round trips in the services, so here as well.
	pipelined bool

	plain    string
	declared *repository.Declaration
	fields   []pgconn.FieldDescription
}

// prepare finds the texts, and what they return on the newest schema.
func (r *read) prepare(ctx context.Context, f *fullSide) error {
	if r.twin != "" {
		t, ok := twin.Lookup(r.twin)
		if !ok {
			return fault.New(fault.Internal, "no service declares the twin %s any more: the scenario must name another", r.twin)
		}
		r.plain, r.declared = t.SQL(twin.Plain), repository.DeclareTwin(t)
	} else {
		r.plain, r.declared = r.text, repository.Declare("bench."+r.name, r.text)
	}
	if r.pipelined {
		r.declared = r.declared.Pipelined()
	}
	var err error
	if r.fields, err = fieldsOf(ctx, f.pool, r.plain); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// row is somewhere to scan a row of these fields. Its types take NULL, and both
// drivers scan into them without an allocation.
func row(fields []pgconn.FieldDescription) []any {
	dest := make([]any, len(fields))
	for i, f := range fields {
		switch f.DataTypeOID {
		case pgtype.Int8OID:
			dest[i] = new(pgtype.Int8)
		case pgtype.Int4OID:
			dest[i] = new(pgtype.Int4)
		case pgtype.Float8OID:
			dest[i] = new(pgtype.Float8)
		case pgtype.BoolOID:
			dest[i] = new(pgtype.Bool)
		case pgtype.TimestamptzOID:
			dest[i] = new(pgtype.Timestamptz)
		case pgtype.JSONBOID, pgtype.JSONOID:
			dest[i] = new([]byte)
		default:
			dest[i] = new(pgtype.Text)
		}
	}
	return dest
}

// show writes a row so that equal rows read alike, whichever driver read them.
func show(dest []any) string {
	var out []byte
	for _, d := range dest {
		switch v := d.(type) {
		case *pgtype.Timestamptz:
			out = fmt.Appendf(out, "%v %d|", v.Valid, v.Time.UnixMicro())
		case *[]byte:
			out = fmt.Appendf(out, "%s|", *v)
		case *pgtype.Text:
			out = fmt.Appendf(out, "%v %q|", v.Valid, v.String)
		case *pgtype.Int8:
			out = fmt.Appendf(out, "%v %d|", v.Valid, v.Int64)
		case *pgtype.Int4:
			out = fmt.Appendf(out, "%v %d|", v.Valid, v.Int32)
		case *pgtype.Float8:
			out = fmt.Appendf(out, "%v %.6g|", v.Valid, v.Float64)
		case *pgtype.Bool:
			out = fmt.Appendf(out, "%v %v|", v.Valid, v.Bool)
		}
	}
	return string(out)
}

// known is what a run knows of a campaign, so that it asks for rows that exist.
type known struct {
	id                int64
	content, users    []int64
	products          []int64
	emails, skus      []string
	entities          []string
	contentN, eventsN int64
	newest            time.Time
}

const (
	campaignsSQL = `
SELECT c.id
FROM ovasabi.service_campaign_main AS c
ORDER BY c.id`

	knownSQL = `
SELECT
    (SELECT coalesce(array_agg(s.id), '{}') FROM (SELECT c.id FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1::bigint ORDER BY hashint8(c.id) LIMIT 300) AS s),
    (SELECT coalesce(array_agg(s.id), '{}') FROM (SELECT u.id FROM ovasabi.service_user_main AS u WHERE u.campaign_id = $1::bigint ORDER BY hashint8(u.id) LIMIT 300) AS s),
    (SELECT coalesce(array_agg(s.id), '{}') FROM (SELECT p.id FROM ovasabi.service_product_main AS p WHERE p.campaign_id = $1::bigint ORDER BY hashint8(p.id) LIMIT 300) AS s),
    (SELECT coalesce(array_agg(s.email), '{}') FROM (SELECT u.email FROM ovasabi.service_user_main AS u WHERE u.campaign_id = $1::bigint ORDER BY hashint8(u.id) LIMIT 300) AS s),
    (SELECT coalesce(array_agg(s.sku), '{}') FROM (SELECT p.sku FROM ovasabi.service_product_main AS p WHERE p.campaign_id = $1::bigint ORDER BY hashint8(p.id) LIMIT 300) AS s),
    (SELECT coalesce(array_agg(s.entity_id), '{}') FROM (SELECT e.entity_id FROM ovasabi.service_event AS e WHERE e.campaign_id = $1::bigint ORDER BY hashint8(e.id) LIMIT 300) AS s),
    (SELECT count(*) FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1::bigint),
    (SELECT count(*) FROM ovasabi.service_event AS e WHERE e.campaign_id = $1::bigint),
    (SELECT coalesce(max(c.created_at), now()) FROM ovasabi.service_content_main AS c WHERE c.campaign_id = $1::bigint)`
)

// learn reads what is known of the campaigns, those without documents, users,
// products or events left out.
func learn(ctx context.Context, f *fullSide, ids []int64) ([]*known, error) {
	var all []*known
	for _, id := range ids {
		k := &known{id: id}
		err := f.scope.QueryRow(in(ctx, id), knownSQL, id).Scan(&k.content, &k.users, &k.products, &k.emails, &k.skus, &k.entities, &k.contentN, &k.eventsN, &k.newest)
		if err != nil {
			return nil, err
		}
		if len(k.content) > 0 && len(k.users) > 0 && len(k.products) > 0 && len(k.entities) > 0 {
			all = append(all, k)
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "no campaign holds documents, users, products and events: the scenario has nothing to read; load some, or name campaigns that do with --campaign")
	}
	return all, nil
}

// call is one read of one campaign with its arguments.
type call struct {
	read *read
	id   int64
	args []any
}

// draws makes n calls: reads by their shares, campaigns by how much they hold,
// because those that hold much are read much.
func draws(n int, seed uint64, reads []*read, campaigns []*known) []call {
	d := rand.New(rand.NewPCG(seed, uint64(n)))
	total := int64(0)
	for _, c := range campaigns {
		total += c.contentN + c.eventsN
	}
	shares := 0
	for _, r := range reads {
		shares += r.share
	}
	calls := make([]call, n)
	for i := range calls {
		at := d.Int64N(total)
		c := campaigns[slices.IndexFunc(campaigns, func(k *known) bool { at -= k.contentN + k.eventsN; return at < 0 })]
		point := d.IntN(shares)
		r := reads[slices.IndexFunc(reads, func(r *read) bool { point -= r.share; return point < 0 })]
		calls[i] = call{r, c.id, r.args(d, c)}
	}
	return calls
}

// compare runs every call both ways and fails at the first that differs.
func compare(ctx context.Context, p *plainSide, f *fullSide, calls []call) error {
	for _, c := range calls {
		var was, is []string
		dest := row(c.read.fields)
		err := p.read(ctx, c.id, c.read.plain, c.args, dest, func() { was = append(was, show(dest)) })
		if err != nil {
			return fmt.Errorf("%s, before: %w", c.read.name, err)
		}
		dest = row(c.read.fields)
		if err := f.read(ctx, c.id, c.read.declared, c.args, dest, func() { is = append(is, show(dest)) }); err != nil {
			return fmt.Errorf("%s, after: %w", c.read.name, err)
		}
		if !slices.Equal(was, is) {
			return fault.New(fault.Conflict, "%s returns other rows after than before (%d and %d rows, campaign %d): a comparison of times would mean nothing", c.read.name, len(was), len(is), c.id)
		}
	}
	return nil
}

// buffersOf is the mean of the pages that the calls touch, one side of each.
func buffersOf(ctx context.Context, f *fullSide, calls []call, side twin.Side) (float64, error) {
	total := 0.0
	for _, c := range calls {
		e, err := f.explain(ctx, c, side)
		if err != nil {
			return 0, err
		}
		total += float64(e.Buffers)
	}
	return total / float64(len(calls)), nil
}
