// Package prometheus_test holds the alert rules to what the platform really shows:
// every metric that a rule or a panel names is on the /metrics of a running one.
package prometheus_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert,omitempty"`
	Record      string            `yaml:"record,omitempty"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

func load[T any](t *testing.T, file string) T {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var v T
	require.NoError(t, yaml.Unmarshal(text, &v), file)
	return v
}

func allRules(t *testing.T, file string) []rule {
	t.Helper()
	var all []rule
	for _, g := range load[rules](t, file).Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// promtool is the pinned one. Go builds it once, without the ways to discover
// targets that only a cloud has.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	modfile, err := filepath.Abs("../../tools/promtool/go.mod")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "go", append([]string{"tool", "-modfile=" + modfile, "promtool"}, args...)...)
	command.Env = append(os.Environ(), "GOFLAGS=-tags=remove_all_sd")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "promtool %s:\n%s", strings.Join(args, " "), out)
	return string(out)
}

func TestAlertsFireWhereTheyShouldAndNowhereElse(t *testing.T) {
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "thresholds.yml", "alerts.yml")
	// The token's file is the operator's.
	promtool(t, "check", "config", "--syntax-only", "prometheus.yml")
	promtool(t, "test", "rules", "alerts_test.yml", "alerts_without_thresholds_test.yml")
}

type ruleTests struct {
	Tests []struct {
		Alerts []struct {
			Name     string `yaml:"alertname"`
			Expected []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

// No alert without a test that fires it and one that does not, nor without what to do.
func TestEveryAlertIsTestedBothWays(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, file := range []string{"alerts_test.yml", "alerts_without_thresholds_test.yml"} {
		for _, test := range load[ruleTests](t, file).Tests {
			for _, a := range test.Alerts {
				if len(a.Expected) > 0 {
					fires[a.Name] = true
				} else {
					quiet[a.Name] = true
				}
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range allRules(t, "alerts.yml") {
		require.False(t, seen[r.Alert], "%s twice", r.Alert)
		seen[r.Alert] = true
		require.True(t, fires[r.Alert], "no test fires %s", r.Alert)
		require.True(t, quiet[r.Alert], "no test leaves %s alone", r.Alert)
		require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
		for _, a := range []string{"summary", "description", "remedy"} {
			require.NotEmpty(t, r.Annotations[a], "%s of %s", a, r.Alert)
		}
	}
	require.Len(t, fires, len(seen), "a test of an alert that is not there")
}

var thresholdName = regexp.MustCompile(`ovasabi:threshold:(\w+)`)

// thresholds are the constants by their name.
func thresholds(t *testing.T) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, r := range allRules(t, "thresholds.yml") {
		name, ok := strings.CutPrefix(r.Record, "ovasabi:threshold:")
		require.True(t, ok, r.Record)
		text, ok := strings.CutPrefix(strings.TrimSuffix(r.Expr, ")"), "vector(")
		require.True(t, ok, "%s is not a constant: %s", r.Record, r.Expr)
		v, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err, r.Record)
		all[name] = v
	}
	return all
}

// A number that is compared with stands in thresholds.yml and nowhere else.
func TestThresholdsStandInOneFile(t *testing.T) {
	defined := thresholds(t)
	used := map[string]bool{}
	number := regexp.MustCompile(`(?:[<>]=?|==) *(-?[0-9.]+)`)
	for _, r := range allRules(t, "alerts.yml") {
		for _, found := range thresholdName.FindAllStringSubmatch(r.Expr, -1) {
			require.Contains(t, defined, found[1], r.Alert)
			used[found[1]] = true
		}
		for _, found := range number.FindAllStringSubmatch(r.Expr, -1) {
			require.Contains(t, []string{"0", "1"}, found[1], "%s: a threshold of its own", r.Alert)
		}
	}
	for name := range defined {
		require.True(t, used[name], "nothing uses %s", name)
	}
}

// The page and the alerts call the same things too much.
func TestThresholdsAreThoseOfTheFindings(t *testing.T) {
	d, all := monitoring.DefaultThresholds(), thresholds(t)
	for name, v := range map[string]float64{
		"query_slower_ratio": 1 + d.Slower, "query_slower_calls": float64(d.Enough),
		"pool_used_ratio": d.PoolUsed, "lock_waiters": float64(d.LockWaiters), "lock_wait_seconds": d.LockWait.Seconds(),
		"rollback_ratio": d.RollbackShare, "retry_ratio": d.RetryShare, "transaction_seconds": d.Transaction.Seconds(),
		"replication_lag_seconds": d.ReplicationLag.Seconds(), "slot_kept_bytes": float64(d.SlotKeeps),
		"wraparound_ratio": d.WraparoundShare, "vacuum_behind_ratio": d.VacuumBehind, "disk_free_ratio": d.DiskFree,
	} {
		require.InDelta(t, v, all[name], 1e-9, name)
	}
}

// panels are the expressions of every dashboard.
func panels(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../grafana/dashboards/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var v any
		require.NoError(t, json.Unmarshal(text, &v))
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for key, each := range v {
					if expr, ok := each.(string); ok && key == "expr" {
						all[file+": "+expr] = expr
					}
					walk(each)
				}
			case []any:
				for _, each := range v {
					walk(each)
				}
			}
		}
		walk(v)
	}
	return all
}

var metricName = regexp.MustCompile(`\b(?:ovasabi|db_client|go|process)_[a-z0-9_]+\b`)

// metricsIn returns the metrics that an expression names.
func metricsIn(expr string) []string {
	// What stands in quotes is a label's value.
	expr = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).ReplaceAllString(expr, `""`)
	names := metricName.FindAllString(expr, -1)
	slices.Sort(names)
	return slices.Compact(names)
}
