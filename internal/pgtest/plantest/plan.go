package plantest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
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
	// Text is the whole plan, for a failed test.
	Text string
}

// planNode is one step as the server tells it.
//
//nolint:tagliatelle // EXPLAIN's own names
type planNode struct {
	Kind     string     `json:"Node Type"`
	Index    string     `json:"Index Name"`
	Searches int        `json:"Index Searches"`
	Hit      int        `json:"Shared Hit Blocks"`
	Read     int        `json:"Shared Read Blocks"`
	Removed  float64    `json:"Rows Removed by Filter"`
	Recheck  float64    `json:"Rows Removed by Index Recheck"`
	Loops    float64    `json:"Actual Loops"`
	Plans    []planNode `json:"Plans"`
}

// read reads what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) printed.
func read(t testing.TB, text []byte) Plan {
	t.Helper()
	var told []struct{ Plan planNode }
	require.NoError(t, json.Unmarshal(text, &told))
	p := Plan{Text: string(text), Buffers: told[0].Plan.Hit + told[0].Plan.Read}
	p.add(told[0].Plan)
	return p
}

func (p *Plan) add(n planNode) {
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
