// Package explain has the server run a statement, and reads what it did.
package explain

import (
	"encoding/json"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Plan is what EXPLAIN (ANALYZE, BUFFERS) tells of a statement that has run.
type Plan struct {
	// Nodes are the kinds of its steps, such as "Index Scan", and Indexes those that it read, outermost first.
	Nodes, Indexes []string
	// Searches is how often it went down an index, all of its loops together.
	Searches int
	// Buffers is the pages that it read, from memory or from disk.
	Buffers int
	// Filtered is how many rows were read and left out, all loops together.
	Filtered int
	// Planning and Running are the server's own times, in milliseconds.
	Planning, Running float64
	// Text is the whole plan.
	Text string
}

// node is one step as the server tells it.
//
//nolint:tagliatelle // EXPLAIN's own names
type node struct {
	Kind     string  `json:"Node Type"`
	Index    string  `json:"Index Name"`
	Searches int     `json:"Index Searches"`
	Hit      int     `json:"Shared Hit Blocks"`
	Read     int     `json:"Shared Read Blocks"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Recheck  float64 `json:"Rows Removed by Index Recheck"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []node  `json:"Plans"`
}

// read reads what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) printed.
func read(text []byte) (Plan, error) {
	var told []struct {
		Plan     node    `json:"Plan"`
		Planning float64 `json:"Planning Time"`
		Running  float64 `json:"Execution Time"`
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return Plan{}, fault.New(fault.Internal, "could not read a plan: %w", err)
	}
	if len(told) != 1 {
		return Plan{}, fault.New(fault.Internal, "expected one plan, got %d", len(told))
	}
	one := told[0]
	p := Plan{Text: string(text), Buffers: one.Plan.Hit + one.Plan.Read, Planning: one.Planning, Running: one.Running}
	p.add(one.Plan)
	return p, nil
}

func (p *Plan) add(n node) {
	p.Nodes = append(p.Nodes, n.Kind)
	p.Searches += n.Searches
	p.Filtered += int((n.Removed + n.Recheck) * n.Loops)
	if n.Index != "" {
		p.Indexes = append(p.Indexes, n.Index)
	}
	for _, below := range n.Plans {
		p.add(below)
	}
}
