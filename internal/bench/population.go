package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// population says how many rows the campaigns hold together. Rows fall to
// campaigns by Zipf's law (campaign n gets 1/n^skew of the first's), in order of
// time and mixed, as they do where many tenants write at once.
type population struct {
	campaigns                        int
	skew                             float64
	content, users, products, events int
	bodyWords                        int
	// sizes, where given, are the documents of each campaign instead.
	sizes []int
}

// end is when the history ends: fixed, so that a seed makes the same rows each time.
var end = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

const history = 365 * 24 * time.Hour

// vocabulary are syllables; words of two or three of them are drawn by Zipf's law too.
var vocabulary = func() []string {
	syllables := []string{"ba", "ce", "di", "fo", "gu", "ha", "ki", "lo", "mu", "ne", "pa", "ri", "so", "ta", "ve", "zu"}
	var words []string
	for _, a := range syllables {
		for _, b := range syllables {
			words = append(words, a+b+"n")
			for _, c := range syllables {
				words = append(words, a+b+c)
			}
		}
	}
	draw := rand.New(rand.NewPCG(1, 1))
	draw.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return words
}()

type generator struct {
	population
	draw  *rand.Rand
	word  *rand.Zipf
	share []float64 // cumulated, of the campaigns
}

func newGenerator(p population, seed uint64, table string) *generator {
	// A seed of its own for each table, so that more users do not make other events.
	g := &generator{population: p, draw: rand.New(rand.NewPCG(seed, uint64(len(table))))}
	g.word = rand.NewZipf(g.draw, 1.1, 4, uint64(len(vocabulary)-1))
	total := 0.0
	for i := range p.campaigns {
		total += 1 / math.Pow(float64(i+1), p.skew)
		g.share = append(g.share, total)
	}
	return g
}

// campaign draws the campaign of a row.
func (g *generator) campaign() int64 {
	point := g.draw.Float64() * g.share[len(g.share)-1]
	for i, upTo := range g.share {
		if point <= upTo {
			return int64(i + 1)
		}
	}
	return int64(len(g.share))
}

func (g *generator) text(words int) string {
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(vocabulary[g.word.Uint64()])
	}
	return b.String()
}

// choice draws one of the values; the shares are in a hundred.
func (g *generator) choice(values []string, shares []int) string {
	point := g.draw.IntN(100)
	for i, s := range shares {
		if point -= s; point < 0 {
			return values[i]
		}
	}
	return values[len(values)-1]
}

// at is the time of row i of n.
func (g *generator) at(i, n int) time.Time {
	step := float64(history) / float64(n)
	return end.Add(-history).Add(time.Duration(step * (float64(i) + g.draw.Float64()))).Truncate(time.Microsecond)
}

var eventTypes = []string{
	"user:login:v1:success", "order:place:v1:requested", "order:place:v1:started", "order:place:v1:success",
	"order:ship:v1:completed", "content:view:v1:completed", "order:place:v1:failed", "user:login:v1:failed",
}

// tableRows is one table and the maker of its rows.
type tableRows struct {
	table   string
	columns []string
	n       int
	row     func(g *generator, i, n int) []any
}

func (p population) tables() []tableRows {
	content := p.content
	for _, n := range p.sizes {
		content += n
	}
	return []tableRows{
		{"service_campaign_main", []string{"id", "slug", "name"}, p.campaigns, campaignRow},
		{"service_content_main", []string{"campaign_id", "slug", "title", "body", "tags", "status", "metadata", "created_at", "updated_at"}, content, contentRow},
		{"service_user_main", []string{"campaign_id", "username", "email", "first_name", "last_name", "status", "last_login_at", "created_at", "updated_at"}, p.users, userRow},
		{"service_product_main", []string{"campaign_id", "sku", "name", "description", "price", "stock", "status", "metadata", "created_at", "updated_at"}, p.products, productRow},
		{"service_event", []string{"campaign_id", "event_id", "event_type", "entity_id", "occurred_at", "received_at", "payload"}, p.events, eventRow},
	}
}

func campaignRow(_ *generator, i, _ int) []any {
	return []any{int64(i + 1), fmt.Sprintf("campaign-%04d", i+1), fmt.Sprintf("Campaign %d", i+1)}
}

func contentRow(g *generator, i, n int) []any {
	id := g.campaign()
	if g.sizes != nil {
		id = ownerOf(g.sizes, i, n)
	}
	at := g.at(i, n)
	status := g.choice(statusNames, statusShares(i, n))
	tags := fmt.Sprintf(`["%s", "%s"]`, vocabulary[g.draw.IntN(40)], vocabulary[40+g.draw.IntN(40)])
	return []any{id, fmt.Sprintf("document-%08d", i), g.text(5), g.text(g.bodyWords), tags, status, `{"minutes": 3}`, at, at}
}

var statusNames = []string{"published", "archived", "draft", "review"}

// statusShares follow a document's age: the older half is mostly archived, and
// what is written or reviewed is mostly new.
func statusShares(i, n int) []int {
	switch age := 1 - float64(i)/float64(n); {
	case age > 0.5:
		return []int{9, 90, 1, 0}
	case age > 0.05:
		return []int{97, 0, 2, 1}
	default:
		return []int{60, 0, 25, 15}
	}
}

// ownerOf spreads n rows over campaigns of given sizes, each evenly over time.
func ownerOf(sizes []int, i, n int) int64 {
	// A stride that has no factor in common with n visits every place once.
	stride := 7919
	for gcd(stride, n) != 1 {
		stride += 2
	}
	place := i * stride % n
	for c, size := range sizes {
		if place -= size; place < 0 {
			return int64(c + 1)
		}
	}
	return int64(len(sizes))
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func userRow(g *generator, i, n int) []any {
	id, at := g.campaign(), g.at(i, n)
	var first, last *string
	if g.draw.IntN(5) > 0 {
		f, l := vocabulary[g.draw.IntN(400)], vocabulary[g.draw.IntN(len(vocabulary))]
		first, last = &f, &l
	}
	status := g.choice([]string{"active", "invited", "deleted", "suspended"}, []int{75, 10, 10, 5})
	var login *time.Time
	if status == "active" {
		t := at.Add(time.Duration(g.draw.Float64() * float64(end.Sub(at)))).Truncate(time.Microsecond)
		login = &t
	}
	name := fmt.Sprintf("user%08d", i)
	return []any{id, name, name + "@example.com", first, last, status, login, at, at}
}

func productRow(g *generator, i, n int) []any {
	id, at := g.campaign(), g.at(i, n)
	price := fmt.Sprintf("%d.%02d", 1+g.draw.IntN(500), g.draw.IntN(100))
	status := g.choice([]string{"available", "unavailable", "discontinued"}, []int{80, 15, 5})
	rate := []string{"0.19", "0.07", "0.2", "0"}[g.draw.IntN(4)]
	return []any{id, fmt.Sprintf("SKU-%08d", i), g.text(3), g.text(12), price, int32(g.draw.IntN(200)), status, `{"tax_rate": ` + rate + `}`, at, at}
}

func eventRow(g *generator, i, n int) []any {
	id, at := g.campaign(), g.at(i, n)
	kind := g.choice(eventTypes, []int{25, 20, 15, 15, 10, 10, 3, 2})
	return []any{id, fmt.Sprintf("event-%09d", i), kind, fmt.Sprintf("order/%d", g.draw.IntN(max(n/5, 1))), at, at, `{"pieces": 2, "total_cents": 1990}`}
}

// write fills the tables by COPY, as their owner.
func (p population) write(ctx context.Context, conn *pgx.Conn, seed uint64, progress func(table string, done, of int)) error {
	// The rows are right by the way they are made: foreign keys need no looking up.
	if _, err := conn.Exec(ctx, `SET session_replication_role = replica`); err != nil {
		return fault.FromPostgres(err)
	}
	for _, t := range p.tables() {
		g, i := newGenerator(p, seed, t.table), 0
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"ovasabi", t.table}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
			if i == t.n {
				return nil, nil
			}
			if i%5000 == 0 {
				progress(t.table, i, t.n)
			}
			i++
			return t.row(g, i-1, t.n), nil
		}))
		if err != nil {
			return fmt.Errorf("fill %s: %w", t.table, fault.FromPostgres(err))
		}
	}
	return nil
}
