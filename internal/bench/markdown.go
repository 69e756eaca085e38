package bench

import (
	_ "embed"
	"io"
	"strings"
	"text/template"
)

//go:embed report.md.tmpl
var markdownText string

var functions = template.FuncMap{
	"figure": figure, "optional": optional, "ratio": ratioText, "target": targetText, "goal": goalText, "times": timesText, "cell": cell, "headline": headlineText,
	"bar":     func(v, longest float64) string { return bar(v / longest) },
	"longest": longest,
	// A pointer is true in a template whatever it points at.
	"yes":    func(met *bool) bool { return met != nil && *met },
	"join":   strings.Join,
	"paid":   func(r *Report) []Line { return lines(r, true) },
	"unpaid": func(r *Report) []Line { return lines(r, false) },
}

var markdownPage = template.Must(template.New("report.md").Funcs(functions).Parse(markdownText))

// WriteMarkdown writes the report as a page of the documentation.
func (r *Report) WriteMarkdown(w io.Writer) error { return markdownPage.Execute(w, r) }

// cell keeps a text inside its cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func longest(f Figures) float64 {
	most := 0.0
	for _, v := range f.Variants {
		most = max(most, v.Mean)
	}
	return most
}

// Line is one comparison in the lists of what paid and what did not.
type Line struct {
	Scenario, Case string
	Figures
}

// lines lists every comparison whose interval is above 1 (it paid), or is not.
func lines(r *Report, paid bool) []Line {
	var all []Line
	for _, s := range r.Scenarios {
		var figures []Line
		if s.Headline == "" {
			figures = append(figures, Line{s.Name, "", s.Figures})
		}
		for _, c := range s.Cases {
			figures = append(figures, Line{s.Name, c.Name, c.Figures})
		}
		for _, l := range figures {
			if (l.RatioLow > 1) == paid {
				all = append(all, l)
			}
		}
	}
	return all
}
