package check

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// scraping is deploy/prometheus/prometheus.yml, which promtool checks beside it.
type scraping struct {
	RuleFiles     []string `json:"rule_files"`
	ScrapeConfigs []struct {
		JobName       string `json:"job_name"`
		Authorization struct {
			CredentialsFile string `json:"credentials_file"`
		}
		StaticConfigs []struct{ Targets []string } `json:"static_configs"`
	} `json:"scrape_configs"`
}

func prometheus(t *testing.T) (s scraping) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(read(t, "prometheus", "prometheus.yml"), &s))
	require.NotEmpty(t, s.RuleFiles)
	return s
}

// Compose gives Prometheus every file that its configuration names, and the platform under its name.
func TestPrometheusFindsItsFiles(t *testing.T) {
	config := prometheus(t)
	compose := project(t, "compose.yaml")
	service := compose.Services["prometheus"]
	there := map[string]bool{}
	for _, v := range service.Volumes {
		there[v.Target] = true
	}
	for _, s := range service.Secrets {
		there[s.Target] = true
	}
	for _, file := range config.RuleFiles {
		require.True(t, there["/etc/prometheus/"+file], "%s is not mounted", file)
	}
	for _, scrape := range config.ScrapeConfigs {
		require.True(t, there[scrape.Authorization.CredentialsFile], "%s is not mounted", scrape.Authorization.CredentialsFile)
		for _, static := range scrape.StaticConfigs {
			for _, target := range static.Targets {
				name, port, _ := strings.Cut(target, ":")
				require.Contains(t, compose.ServiceNames(), name)
				require.Equal(t, uint32(8080), compose.Services[name].Ports[0].Target)
				require.Equal(t, "8080", port)
			}
		}
	}
}

// The rules of the operator are those of Prometheus: one source, in deploy/prometheus.
func TestThePrometheusRuleIsMadeOfTheRules(t *testing.T) {
	var text strings.Builder
	text.WriteString(`# Made from deploy/prometheus: go test -C deploy/check . -run TestThePrometheusRule -update
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: ovasabi
  labels:
    app.kubernetes.io/name: ovasabi
`)
	var spec struct {
		Spec struct {
			Groups []any `json:"groups"`
		} `json:"spec"`
	}
	for _, file := range prometheus(t).RuleFiles {
		var rules struct{ Groups []any }
		require.NoError(t, yaml.Unmarshal(read(t, "prometheus", file), &rules))
		require.NotEmpty(t, rules.Groups, file)
		spec.Spec.Groups = append(spec.Spec.Groups, rules.Groups...)
	}
	groups, err := yaml.Marshal(spec)
	require.NoError(t, err)
	text.Write(groups)
	made(t, text.String(), "kubernetes", "prometheusrule.yaml")
}

// No dashboard is left out in Kubernetes.
func TestEveryDashboardIsInItsConfigMap(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dir, "grafana", "dashboards", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, m := range built(t) {
		if m.name() != "ConfigMap/ovasabi-dashboards" {
			continue
		}
		data, _ := m.object["data"].(map[string]any)
		require.Len(t, data, len(files))
		return
	}
	t.Fatal("there is no ConfigMap of dashboards")
}
