package bench

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// The table stands between these two lines of a file.
const (
	tableBegins = "<!-- benchmarks: written by `make benchmarks` from docs/benchmarks.json -->"
	tableEnds   = "<!-- /benchmarks -->"
)

//go:embed readme.md.tmpl
var readmeText string

var readmeTable = template.Must(template.New("readme.md").Funcs(functions).Funcs(template.FuncMap{"side": side, "missed": missed}).Parse(readmeText))

// Into returns text with what stands between the two lines replaced by a short
// table of the report: a line a scenario, with what did not pay.
func (r *Report) Into(text string) (string, error) {
	head, rest, begins := strings.Cut(text, tableBegins)
	_, tail, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return "", fault.New(fault.Invalid, "the file has no place for the table: put the lines %q and %q into it", tableBegins, tableEnds)
	}
	var table strings.Builder
	if err := readmeTable.Execute(&table, r); err != nil {
		return "", err
	}
	return head + tableBegins + "\n" + strings.TrimSpace(table.String()) + "\n" + tableEnds + tail, nil
}

// side is a variant's figure of the kind that the ratio is of.
func side(f Figures, name string) string {
	v := f.Variants[name]
	switch {
	case f.RatioOf == byThroughput.name:
		return figure(v.OpsPerS) + "/s"
	case f.RatioOf == byP99.name:
		return figure(v.P99) + " " + f.Unit
	case v.RowsPerS != nil:
		return fmt.Sprintf("%s rows/s", figure(*v.RowsPerS))
	default:
		return figure(v.Mean) + " " + f.Unit
	}
}

// missed are the goals that were not reached.
func missed(r *Report) []string {
	var all []string
	for _, s := range r.Scenarios {
		for _, g := range s.Goals {
			if !g.Met {
				all = append(all, fmt.Sprintf("%s (`%s`: %s)", g.What, s.Name, figure(g.Value)))
			}
		}
	}
	return all
}
