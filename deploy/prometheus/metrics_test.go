package prometheus_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/platform"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// seldom are metrics that a lone server on a good day does not show, and why.
// Their names are held to those that the exporter declares.
var seldom = map[string]string{
	"ovasabi_pg_section_failed":          "nothing fails",
	"ovasabi_pg_replay_lag_seconds":      "there is no standby",
	"ovasabi_pg_standby_behind_seconds":  "the server is no standby",
	"ovasabi_pg_slot_kept_bytes":         "there is no replication slot",
	"ovasabi_pg_maintenance_running":     "no maintenance runs",
	"ovasabi_pg_aio_handles":             "no I/O is in flight",
	"ovasabi_findings":                   "there may be none",
	"ovasabi_query_usual_mean_seconds":   "no query has run for ten minutes",
	"ovasabi_query_usual_p95_seconds":    "no query has run for ten minutes",
	"ovasabi_pg_checksum_failures_total": "a server without checksums does not count them",
	"ovasabi_monitor_left_out":           "everything has room",
}

// wanted are all metrics that rules and panels name, and who names them.
func wanted(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range allRules(t, "alerts.yml") {
		for _, name := range metricsIn(r.Expr) {
			all[name] = r.Alert
		}
	}
	for where, expr := range panels(t) {
		for _, name := range metricsIn(expr) {
			all[name] = where
		}
	}
	require.Greater(t, len(all), 60)
	return all
}

// scrape returns the names of all samples that a platform shows.
func scrape(t *testing.T, p *apitest.Platform) map[string]bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/metrics", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	names := map[string]bool{}
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") {
			names[strings.FieldsFunc(line, func(r rune) bool { return r == '{' || r == ' ' })[0]] = true
		}
	}
	return names
}

// work calls the API once in each way that has figures of its own.
func work(t *testing.T, p *apitest.Platform) {
	t.Helper()
	id := p.Campaign(t, "a")
	created, err := p.Keys.Create(token.Grant{Subject: "ada", Role: token.Writer, Campaigns: []campaign.ID{id}, TTL: time.Hour})
	require.NoError(t, err)
	for procedure, body := range map[string]string{
		"ovasabi.content.v1.ContentService/ListContent":   `{"campaignId": "%s", "statuses": ["published"]}`,
		"ovasabi.content.v1.ContentService/SearchContent": `{"campaignId": "%s", "query": "lantern"}`,
		"ovasabi.nexus.v1.NexusService/EmitEvent":         `{"event": {"campaignId": "%s", "eventId": "e1", "eventType": "content:publish:v1:success", "entityId": "x"}}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/"+procedure, strings.NewReader(fmt.Sprintf(body, id)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+created.Text)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		said, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", procedure, said)
	}
}

// A rule over a metric that nobody shows never fires: each is on a running platform.
func TestEveryMetricThatARuleOrAPanelNamesIsThere(t *testing.T) {
	p := apitest.StartPlatform(t, func(c *platform.Config) {
		c.Server.MetricsLoopback = true
		c.Monitoring.DiskPath = t.TempDir()
	})
	work(t, p)
	all := wanted(t)
	declared := monitoring.MetricNames()
	for name, why := range seldom {
		require.Contains(t, declared, name, why)
	}
	missing := func(there map[string]bool) (names []string) {
		for name := range all {
			if seldom[name] == "" && !there[name] {
				names = append(names, name+" of "+all[name])
			}
		}
		slices.Sort(names)
		return names
	}
	var last []string
	deadline := time.Now().Add(30 * time.Second)
	for {
		last = missing(scrape(t, p))
		if len(last) == 0 {
			break
		}
		require.True(t, time.Now().Before(deadline), "not on /metrics:\n%s", strings.Join(last, "\n"))
		time.Sleep(50 * time.Millisecond)
	}
}

// Prometheus itself reads every expression of a panel.
func TestEveryExpressionIsPromQL(t *testing.T) {
	group := rules{}
	group.Groups = append(group.Groups, struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}{Name: "panels"})
	exprs := panels(t)
	for i, where := range slices.Sorted(maps.Keys(exprs)) {
		expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".+", "$instance", ".+", "$query", ".+", "$campaign", ".+").Replace(exprs[where])
		group.Groups[0].Rules = append(group.Groups[0].Rules, rule{Record: fmt.Sprintf("panel:%d", i), Expr: expr})
	}
	text, err := yaml.Marshal(group)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "panels.yml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	promtool(t, "check", "rules", "--lint=none", file)
}
