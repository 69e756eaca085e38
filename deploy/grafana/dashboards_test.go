// Package grafana_test holds the generated dashboards to the rules of Grafana's
// dashboard-linter, so that they work with any data source and any number of
// processes, and to some of our own.
package grafana_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

type board struct {
	UID         string   `json:"uid"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Editable    bool     `json:"editable"`
	Templating  struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type variable struct {
	Name       string  `json:"name"`
	Type       string  `json:"type"`
	Multi      bool    `json:"multi"`
	AllValue   string  `json:"allValue"`
	Refresh    int     `json:"refresh"`
	Query      any     `json:"query"`
	Datasource *source `json:"datasource"`
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Datasource  *source  `json:"datasource"`
	Targets     []target `json:"targets"`
	Panels      []panel  `json:"panels"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

type target struct {
	Expr         string  `json:"expr"`
	RefID        string  `json:"refId"`
	LegendFormat string  `json:"legendFormat"`
	Datasource   *source `json:"datasource"`
}

func boards(t *testing.T) map[string]board {
	t.Helper()
	files, err := filepath.Glob("dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, files, 5)
	all := map[string]board{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var b board
		require.NoError(t, json.Unmarshal(text, &b), file)
		all[file] = b
	}
	return all
}

func TestEveryDashboardIsForAnyPrometheusAndAnyProcess(t *testing.T) {
	uids := map[string]bool{}
	for file, b := range boards(t) {
		require.NotEmpty(t, b.UID, file)
		require.False(t, uids[b.UID], "%s: the uid of another one", file)
		uids[b.UID] = true
		require.NotEmpty(t, b.Title, file)
		require.NotEmpty(t, b.Description, file)
		require.Contains(t, b.Tags, "ovasabi", file)
		require.False(t, b.Editable, "%s: what is generated is not edited by hand", file)
		variables := map[string]variable{}
		for _, v := range b.Templating.List {
			variables[v.Name] = v
		}
		require.Equal(t, "datasource", variables["datasource"].Type, file)
		for _, name := range []string{"job", "instance"} {
			v := variables[name]
			require.Equal(t, "query", v.Type, "%s %s", file, name)
			require.True(t, v.Multi, "%s %s", file, name)
			require.Equal(t, ".+", v.AllValue, "%s %s", file, name)
			require.Equal(t, 2, v.Refresh, "%s %s: on a change of the time range", file, name)
			require.Equal(t, "${datasource}", v.Datasource.UID, "%s %s", file, name)
		}
	}
}

func TestEveryPanelExplainsItself(t *testing.T) {
	for file, b := range boards(t) {
		titles := map[string]bool{}
		for _, p := range b.Panels {
			where := file + ": " + p.Title
			if p.Type == "row" {
				require.Empty(t, p.Panels, "%s: a closed row hides its panels", where)
				continue
			}
			require.NotEmpty(t, p.Title, where)
			require.False(t, titles[p.Title], "%s twice", where)
			titles[p.Title] = true
			require.NotEmpty(t, p.Description, where)
			require.NotEmpty(t, p.FieldConfig.Defaults.Unit, where)
			require.Equal(t, "${datasource}", p.Datasource.UID, where)
			require.NotEmpty(t, p.Targets, where)
			ids := map[string]bool{}
			for _, q := range p.Targets {
				require.Equal(t, "${datasource}", q.Datasource.UID, where)
				require.False(t, ids[q.RefID], "%s: two targets %s", where, q.RefID)
				ids[q.RefID] = true
				if p.Type == "timeseries" {
					require.NotEmpty(t, q.LegendFormat, where)
				}
			}
		}
	}
}

var (
	selector = regexp.MustCompile(`\b((?:ovasabi|db_client)_\w+)(\{[^}]*\})?`)
	rated    = regexp.MustCompile(`\b(rate|irate|increase)\((\w+)(?:\{[^}]*\})?\[([^\]]+)\]`)
	counter  = regexp.MustCompile(`_(total|count|sum|bucket)$`)
)

func TestEveryExpressionIsOfTheChosenProcessesAndRatesOnlyCounters(t *testing.T) {
	for file, b := range boards(t) {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				where := file + ": " + p.Title + ": " + q.Expr
				inRate := map[string]int{}
				for _, r := range rated.FindAllStringSubmatch(q.Expr, -1) {
					inRate[r[2]]++
					require.Regexp(t, counter, r[2], "%s: only a counter has a rate", where)
					if r[1] == "rate" {
						require.Equal(t, "$__rate_interval", r[3], where)
					}
				}
				for _, s := range selector.FindAllStringSubmatch(q.Expr, -1) {
					require.Contains(t, s[2], `job=~"$job"`, where)
					require.Contains(t, s[2], `instance=~"$instance"`, where)
					if counter.MatchString(s[1]) && s[1] != "ovasabi_pg_checksum_failures_total" {
						require.Positive(t, inRate[s[1]], "%s: a counter is shown by its rate", where)
					}
				}
			}
		}
	}
}

// Panels stand beside each other and below each other, not over each other.
func TestPanelsDoNotOverlap(t *testing.T) {
	for file, b := range boards(t) {
		taken := map[[2]int]string{}
		for _, p := range b.Panels {
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, "%s: %s", file, p.Title)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					require.Empty(t, taken[[2]int{x, y}], "%s: %s lies over another one", file, p.Title)
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}
