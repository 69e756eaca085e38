package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ovasabi/ovasabi/internal/load"
)

// How much a campaign holds. The documents are each topic in each manner, for
// two audiences.
const (
	users    = 200
	products = 50
	orders   = 400 // about four events each
)

// end is when the demo's history ends: fixed, so that it is the same one each time.
var end = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

type object = map[string]any

// write writes the rows of a kind for all campaigns as NDJSON.
func write(w io.Writer, kind load.Kind) error {
	for i := range themes {
		t := &themes[i]
		// A seed for each kind, so that more users would not make other orders.
		g := &generator{theme: t, out: json.NewEncoder(w), rand: rand.New(rand.NewPCG(uint64(i), uint64(len(kind))))}
		switch kind {
		case load.Content:
			g.documents()
		case load.Users:
			g.users()
		case load.Products:
			g.products()
		case load.Events:
			g.events()
		}
		if g.failed != nil {
			return fmt.Errorf("make the demo's %s: %w", kind, g.failed)
		}
	}
	return nil
}

type generator struct {
	*theme
	out    *json.Encoder
	rand   *rand.Rand
	failed error // the first
}

// put writes one line.
func (g *generator) put(o object) {
	o[field] = g.name
	if err := g.out.Encode(o); err != nil && g.failed == nil {
		g.failed = err
	}
}

func pick[T any](g *generator, list []T) T { return list[g.rand.IntN(len(list))] }

func (g *generator) documents() {
	for _, t := range g.topics {
		for _, m := range manners {
			for _, audience := range []string{"visitors", "staff"} {
				title := fmt.Sprintf(m.title, t.text)
				if audience == "staff" {
					title += ", for our team"
				}
				status := pick(g, []string{"published", "published", "published", "published", "published", "draft", "review", "archived"})
				g.put(object{
					"slug": fmt.Sprintf("%s/%s-%s", audience, t.slug, m.slug), "title": title,
					"body": g.body(title, t), "tags": []string{t.tag, m.slug, audience}, "status": status,
					"metadata": object{"author": pick(g, firstNames), "minutes": 1 + g.rand.IntN(6)},
				})
			}
		}
	}
}

func (g *generator) body(title string, t topic) string {
	var b strings.Builder
	b.WriteString("# " + title + "\n")
	for range 2 + g.rand.IntN(4) {
		b.WriteByte('\n')
		for range 3 + g.rand.IntN(4) {
			sentence := pick(g, g.sentences)
			switch {
			case strings.Contains(sentence, "%[2]s"):
				sentence = fmt.Sprintf(strings.ReplaceAll(sentence, "%[1]s", t.text), "", pick(g, g.places))
			default:
				sentence = strings.ReplaceAll(sentence, "%[1]s", t.text)
			}
			b.WriteString(sentence + " ")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (g *generator) users() {
	for i := range users {
		first, last := firstNames[i%len(firstNames)], lastNames[(i/len(firstNames)+i)%len(lastNames)]
		name := fmt.Sprintf("reader%03d", i+1)
		u := object{
			"username": name, "email": fmt.Sprintf("%s@%s.example", name, g.slug), "first_name": first, "last_name": last,
			"status":   pick(g, []string{"active", "active", "active", "active", "active", "active", "invited", "suspended"}),
			"metadata": object{"locale": pick(g, []string{"en", "de", "fr", "pl", "tr", "ar", "zh"}), "newsletter": g.rand.IntN(3) > 0},
		}
		if i%7 == 0 { // no name known: the username is shown
			delete(u, "first_name")
		}
		if u["status"] == "active" {
			u["last_login_at"] = g.moment().Format(time.RFC3339)
		}
		g.put(u)
	}
}

// moment is a time of the last sixty days, more often a late one, in some zone of the world.
func (g *generator) moment() time.Time {
	const span = 60 * 24 * time.Hour
	back := time.Duration(g.rand.Float64() * g.rand.Float64() * float64(span))
	zone := pick(g, []int{0, 3600, -5 * 3600, 5*3600 + 1800, 9 * 3600, -3*3600 - 1800})
	return end.Add(-back).Truncate(time.Second).In(time.FixedZone("", zone))
}

func (g *generator) sku(n int) string { return fmt.Sprintf("%s-%03d", g.brand, n+1) }

func (g *generator) products() {
	for i := range products {
		good, variant := g.goods[i/len(g.variants)%len(g.goods)], g.variants[i%len(g.variants)]
		cents := g.price + g.rand.IntN(40)*50
		stock := g.rand.IntN(120)
		status := "available"
		switch {
		case stock < 6:
			stock, status = 0, "unavailable"
		case i%17 == 16:
			status = "discontinued"
		}
		g.put(object{
			"sku": g.sku(i), "name": good + ", " + variant, "description": fmt.Sprintf("%s (%s), from %s.", good, variant, g.name),
			"price": fmt.Sprintf("%d.%02d", cents/100, cents%100), "currency": g.currency, "stock": stock, "status": status,
			"metadata": object{"tax_rate": json.Number(g.taxRate), "variant": variant},
		})
	}
}

// events follow orders from the request to the end, and a login now and then.
func (g *generator) events() {
	n := 0
	emit := func(kind, subject string, at time.Time, data object) {
		n++
		g.put(object{
			"specversion": "1.0", "id": fmt.Sprintf("%s-%06d", g.slug, n), "source": "/demo/" + g.slug, "type": kind,
			"subject": subject, "time": at.Format(time.RFC3339), "datacontenttype": "application/json", "data": data,
		})
	}
	for order := range orders {
		subject, at := fmt.Sprintf("order/%d", 1000+order), g.moment()
		reader := fmt.Sprintf("reader%03d", 1+g.rand.IntN(users))
		if g.rand.IntN(2) == 0 {
			emit("user:login:v1:success", "user/"+reader, at.Add(-2*time.Minute), object{"user": reader, "device": pick(g, []string{"phone", "laptop", "tablet"})})
		}
		pieces := 1 + g.rand.IntN(4)
		emit("order:place:v1:requested", subject, at, object{"user": reader, "sku": g.sku(g.rand.IntN(products)), "pieces": pieces})
		at = at.Add(time.Duration(1+g.rand.IntN(30)) * time.Second)
		emit("order:place:v1:started", subject, at, object{"attempt": 1})
		at = at.Add(time.Duration(1+g.rand.IntN(90)) * time.Second)
		if g.rand.IntN(12) == 0 {
			emit("order:place:v1:failed", subject, at, object{"reason": pick(g, []string{"card declined", "out of stock", "address unknown"})})
			continue
		}
		emit("order:place:v1:success", subject, at, object{"total_cents": pieces * (g.price + g.rand.IntN(40)*50)})
		emit("order:ship:v1:completed", subject, at.Add(time.Duration(3+g.rand.IntN(60))*time.Hour), object{"carrier": pick(g, []string{"bicycle", "post", "pick-up"})})
	}
}
