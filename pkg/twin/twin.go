package twin

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ovasabi/ovasabi/pkg/database"
)

// Side is one query of a pair.
type Side uint8

// The two sides. The zero value is the one that always runs.
const (
	Plain Side = iota
	Optimised
)

// String returns the side's name as flags, metrics and logs carry it.
func (s Side) String() string {
	if s == Optimised {
		return "optimised"
	}
	return "plain"
}

// Pair is the two texts of a twin.
type Pair struct {
	// Plain runs on the schema of phase 1 and on every later one.
	Plain string
	// Optimised may need what a later phase adds. Qualify that by its table's alias:
	// once it is dropped, a bare name may mean something else, such as a column of
	// an outer query or, where table and column share the name, the whole row, and
	// that is a wrong answer instead of an error to fall back from.
	Optimised string
	// PlanMode is how the optimised side is planned, where db is a database.PlanModer:
	// by its generic plan where no value makes the server plan better, for its values
	// where one may. Left to itself the server compares what it expects both to cost.
	// Behind a LIMIT that is a parameter it expects a tenth of the rows, and between
	// two bounds that are parameters one row in 200: it goes by neither what it would
	// save nor what it would cost.
	PlanMode database.PlanMode
}

// Twin is a declared pair. It does not change after Declare and is safe for concurrent use.
type Twin struct {
	name    string
	pair    Pair
	home    string
	ordinal int
}

// Name returns the name that the twin was declared with.
func (t *Twin) Name() string { return t.name }

// named gives the statements of a call the twin's name, unless the caller gave them one.
func (t *Twin) named(ctx context.Context) context.Context {
	if database.QueryName(ctx) != "" {
		return ctx
	}
	return database.WithQueryName(ctx, t.name)
}

// SQL returns the text of one side.
func (t *Twin) SQL(s Side) string {
	if s == Optimised {
		return t.pair.Optimised
	}
	return t.pair.Plain
}

// PlanMode returns how the optimised side is planned.
func (t *Twin) PlanMode() database.PlanMode { return t.pair.PlanMode }

// planned returns db as the optimised side runs on it: as it is where the twin says nothing.
func (t *Twin) planned(db database.Querier) database.Querier {
	if t.pair.PlanMode == database.AutoPlan {
		return db
	}
	if p, ok := db.(database.PlanModer); ok {
		return p.WithPlanMode(t.pair.PlanMode)
	}
	return db
}

// Package returns the import path of the package that declared the twin.
func (t *Twin) Package() string { return t.home }

// nameForm keeps names fit for a metric's label, a flag's key and a file's name.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)

const longestName = 100

var declared struct {
	sync.RWMutex
	byName map[string]*Twin
	all    []*Twin
}

// Declare registers a pair under a name such as "content.find_by_status": words
// of lower-case letters, digits and underscores joined by dots, at least two,
// 100 characters at most. It is meant for package-level variables and panics on
// a programming error: a bad name, a name declared before, an empty text, two sides
// that are the same, or a plan mode that is none.
func Declare(name string, p Pair) *Twin {
	switch {
	case len(name) > longestName || !nameForm.MatchString(name):
		panic(fmt.Sprintf("twin: name %q must be words of a-z, 0-9 and _ joined by dots, such as content.find_by_status, and at most %d long", name, longestName))
	case strings.TrimSpace(p.Plain) == "" || strings.TrimSpace(p.Optimised) == "":
		panic(fmt.Sprintf("twin: %s needs both a plain and an optimised text", name))
	case p.Plain == p.Optimised:
		panic(fmt.Sprintf("twin: the two sides of %s are the same text", name))
	case p.PlanMode > database.CustomPlan:
		panic(fmt.Sprintf("twin: %d, of %s, is no plan mode: take one of database's", p.PlanMode, name))
	}
	declared.Lock()
	defer declared.Unlock()
	if before, ok := declared.byName[name]; ok {
		panic(fmt.Sprintf("twin: %s is declared twice, before in %s", name, before.home))
	}
	t := &Twin{name: name, pair: p, home: callerPackage(), ordinal: len(declared.all)}
	if declared.byName == nil {
		declared.byName = map[string]*Twin{}
	}
	declared.byName[name] = t
	declared.all = append(declared.all, t)
	return t
}

// Declared returns every declared twin, sorted by name.
func Declared() []*Twin {
	declared.RLock()
	all := slices.Clone(declared.all)
	declared.RUnlock()
	slices.SortFunc(all, func(a, b *Twin) int { return strings.Compare(a.name, b.name) })
	return all
}

// Lookup returns the twin declared under the name.
func Lookup(name string) (*Twin, bool) {
	declared.RLock()
	defer declared.RUnlock()
	t, ok := declared.byName[name]
	return t, ok
}

// callerPackage returns the import path of the package that called Declare. The
// function's full name is path/to/pkg.init or path/to/pkg.Func.
func callerPackage() string {
	pc, _, _, ok := runtime.Caller(2)
	if !ok {
		return ""
	}
	full := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(full, '/') + 1
	if dot := strings.IndexByte(full[slash:], '.'); dot >= 0 {
		return full[:slash+dot]
	}
	return full
}
