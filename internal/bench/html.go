package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"strings"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report.html").Funcs(template.FuncMap(pageFunctions())).Parse(pageText))

func pageFunctions() map[string]any {
	all := maps.Clone(map[string]any(functions))
	all["bars"], all["ratios"] = bars, ratios
	return all
}

// WriteHTML writes the report as one page that needs nothing from elsewhere.
func (r *Report) WriteHTML(w io.Writer) error { return page.Execute(w, r) }

// Bar is one variant in a plot: the mean as a bar, p50 to p99 as a line over it.
type Bar struct {
	Name           string
	Y, Width       float64
	From, To       float64
	Label, Class   string
	LabelX, Middle float64
}

// Bars is a plot of one comparison.
type Bars struct {
	Height float64
	Bars   []Bar
}

const (
	plotLeft   = 190.0
	plotWidth  = 420.0
	plotStep   = 24.0
	plotMargin = 6.0
)

// bars lays out the variants of one comparison on a common scale that holds the longest p95.
func bars(f Figures) Bars {
	most := 0.0
	for _, v := range f.Variants {
		most = max(most, v.Mean, v.P95)
	}
	x := func(v float64) float64 {
		return plotLeft + plotWidth*min(v, most)/max(most, math.SmallestNonzeroFloat64)
	}
	b := Bars{Height: plotStep*float64(len(f.Order)) + 2*plotMargin}
	for i, name := range f.Order {
		v := f.Variants[name]
		y := plotMargin + plotStep*float64(i)
		class := "other"
		switch name {
		case f.Before:
			class = "before"
		case f.After:
			class = "after"
		}
		b.Bars = append(b.Bars, Bar{
			Name: name, Y: y, Width: x(v.Mean) - plotLeft, From: x(v.P50), To: x(v.P95), Middle: y + plotStep/2,
			Label: figure(v.Mean) + " " + f.Unit, Class: class, LabelX: max(x(v.Mean), x(v.P95)) + 8,
		})
	}
	return b
}

// Ratios is the plot of all scenarios' ratios on a logarithmic axis.
type Ratios struct {
	Height float64
	Ticks  []Tick
	Rows   []RatioRow
}

// Tick is a line of the axis.
type Tick struct {
	X     float64
	Label string
	One   bool
}

// RatioRow is one scenario's ratio, its interval and its target.
type RatioRow struct {
	Name, Label       string
	Y, X, Low, High   float64
	Target            float64
	HasTarget, Better bool
}

func ratios(r *Report) Ratios {
	low, high := 0.5, 4.0
	for _, s := range r.Scenarios {
		low, high = min(low, max(s.RatioLow, 0.01)), max(high, s.RatioHigh)
	}
	from, to := math.Log10(low)-0.05, math.Log10(high)+0.05
	x := func(v float64) float64 {
		return plotLeft + plotWidth*(math.Log10(min(max(v, low), high))-from)/(to-from)
	}
	plot := Ratios{Height: plotStep*float64(len(r.Scenarios)) + 40}
	for e := math.Floor(from); e <= to; e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v >= low && v <= high {
				plot.Ticks = append(plot.Ticks, Tick{x(v), strings.TrimSuffix(fmt.Sprintf("%g×", v), ".0"), v == 1})
			}
		}
	}
	for i, s := range r.Scenarios {
		row := RatioRow{Name: s.Name, Label: figure(s.Ratio) + "×", Y: plotStep*float64(i) + 14, X: x(s.Ratio), Low: x(s.RatioLow), High: x(s.RatioHigh), Better: s.RatioLow > 1}
		if s.Target != nil {
			row.Target, row.HasTarget = x(*s.Target), true
		}
		plot.Rows = append(plot.Rows, row)
	}
	return plot
}
