package monitoring

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// queryKey is what statements are grouped by.
type queryKey struct {
	name string
	side string // "plain" or "optimised" of a twin, otherwise ""
}

// others is where everything is counted for which there is no room.
const others = "(others)"

// names remembers how texts are called. Texts are written in the code, so there
// are few; a program that builds them is bounded.
type names struct {
	mu    sync.RWMutex
	known map[string]queryKey
	twins int
}

const mostNames = 2000

func (n *names) of(ctx context.Context, sql string) queryKey {
	n.mu.RLock()
	key, ok := n.known[sql]
	n.mu.RUnlock()
	if !ok {
		key = n.learn(sql)
	}
	if key.side == "" {
		if name := database.QueryName(ctx); name != "" {
			return queryKey{name: name}
		}
	}
	return key
}

func (n *names) learn(sql string) queryKey {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[string]queryKey{}
	}
	// Twins are declared by packages as they are loaded, and by tests later.
	if all := twin.Declared(); len(all) != n.twins {
		n.twins = len(all)
		for _, t := range all {
			n.known[t.SQL(twin.Plain)] = queryKey{t.Name(), twin.Plain.String()}
			n.known[t.SQL(twin.Optimised)] = queryKey{t.Name(), twin.Optimised.String()}
		}
	}
	if key, ok := n.known[sql]; ok {
		return key
	}
	// A twin that met a stale plan runs once more under a comment.
	before, _, _ := strings.Cut(sql, "\n-- ")
	key, ok := n.known[before]
	if !ok {
		key = queryKey{name: describe(sql)}
	}
	if len(n.known) < mostNames {
		n.known[sql] = key
	}
	return key
}

var (
	tableIn  = regexp.MustCompile(`(?i)\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:ONLY\s+)?((?:"?[a-z_][a-z0-9_$]*"?\.)?"?[a-z_][a-z0-9_$]*"?)`)
	firstTwo = regexp.MustCompile(`(?i)^[\s(]*([a-z]+)`)
)

// describe names a text without a name by its verb and the first table of ours in it.
func describe(sql string) string {
	word := firstTwo.FindStringSubmatch(sql)
	if word == nil {
		return "statement"
	}
	verb := strings.ToLower(word[1])
	table := ""
	for _, found := range tableIn.FindAllStringSubmatch(sql, 20) {
		name := strings.ToLower(strings.ReplaceAll(found[1], `"`, ""))
		if strings.Contains(name, ".") {
			table = name
			break
		}
	}
	if verb == "with" {
		for _, v := range []string{"INSERT INTO", "UPDATE", "DELETE FROM"} {
			if strings.Contains(sql, v+" ovasabi.") {
				verb = strings.ToLower(strings.Fields(v)[0])
			}
		}
		if verb == "with" {
			verb = "select"
		}
	}
	if table == "" {
		return verb
	}
	return verb + " " + table
}
