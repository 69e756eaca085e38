package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var (
	secretName = regexp.MustCompile(`(?:secretName|name): (ovasabi-(?:owner|app|monitor|platform|db-ca))\b`)
	serviceOf  = regexp.MustCompile(`@(ovasabi-[a-z-]+):(\d+)/`)
)

// Every Secret that is named is made by secrets.sh, with the keys that are asked for.
func TestEverySecretThatIsNamedIsMade(t *testing.T) {
	kubectl := program(t, "kubectl", "kubernetes-client")
	made := secretsOf(t, kubectl)
	asked := map[string]bool{}
	for _, m := range built(t) {
		walk(m.object, func(o map[string]any) {
			name, _ := o["secretName"].(string)
			if name == "" {
				name, _ = o["name"].(string)
			}
			keys, _ := o["items"].([]any)
			if key, ok := o["key"].(string); ok {
				keys = append(keys, map[string]any{"key": key})
			}
			if made[name] == nil {
				return
			}
			asked[name] = true
			for _, k := range keys {
				require.Contains(t, made[name], k.(map[string]any)["key"], "%s in %s", name, m.name())
			}
		})
		for _, found := range secretName.FindAllStringSubmatch(string(m.text), -1) {
			require.True(t, made[found[1]] != nil || found[1] == "ovasabi-db-ca", "nobody makes %s, which %s names", found[1], m.name())
		}
	}
	require.Len(t, asked, len(made), "a secret is made that nobody asks for")
	// What the operator takes as a role's password.
	for _, role := range []string{"owner", "app", "monitor"} {
		require.Equal(t, "ovasabi_"+role, made["ovasabi-"+role]["username"])
		require.Len(t, made["ovasabi-"+role]["password"], 40)
	}
	require.Contains(t, made["ovasabi-app"]["pgpass"], "*:*:*:ovasabi_monitor:"+made["ovasabi-monitor"]["password"])
}

// secretsOf runs secrets.sh, validates its Secrets and returns their contents.
func secretsOf(t *testing.T, kubectl string) map[string]map[string]string {
	t.Helper()
	script := exec.Command("bash", filepath.Join(dir, "kubernetes", "secrets.sh"))
	script.Env = append(os.Environ(), "OVASABI="+platform(t), "PATH="+filepath.Dir(kubectl)+":"+os.Getenv("PATH"))
	out, err := script.Output()
	require.NoError(t, err)
	made := map[string]map[string]string{}
	for _, text := range strings.Split(string(out), "\n---\n") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		require.Empty(t, validateBuiltIn(t, []byte(text)))
		var secret struct {
			Metadata struct{ Name, Namespace string }
			Data     map[string][]byte
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &secret))
		require.Equal(t, "ovasabi", secret.Metadata.Namespace)
		made[secret.Metadata.Name] = map[string]string{}
		for key, value := range secret.Data {
			made[secret.Metadata.Name][key] = string(value)
		}
	}
	return made
}

func walk(value any, visit func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

// Addresses name services that the operator or service.yaml makes, and ports that a policy opens.
func TestAddressesAreThoseOfServices(t *testing.T) {
	services := map[string]bool{}
	for _, m := range built(t) {
		name := strings.TrimPrefix(m.name(), m.kind()+"/")
		switch m.kind() {
		case "Cluster":
			services[name+"-rw"] = true
		case "Pooler", "Service":
			services[name] = true
		}
	}
	found := 0
	for _, m := range built(t) {
		for _, at := range serviceOf.FindAllStringSubmatch(string(m.text), -1) {
			found++
			require.True(t, services[at[1]], "%s in %s", at[1], m.name())
			require.Equal(t, "5432", at[2])
		}
	}
	require.Equal(t, 5, found)
}

// What selects pods selects some: labels of the templates here, and those that the operator gives.
func TestSelectorsSelectPods(t *testing.T) {
	pods := []map[string]any{{"cnpg.io/cluster": "ovasabi-db"}}
	for _, m := range built(t) {
		if template, ok := specOf(m)["template"].(map[string]any); ok {
			pods = append(pods, template["metadata"].(map[string]any)["labels"].(map[string]any))
		}
	}
	require.Len(t, pods, 5)
	for _, m := range built(t) {
		if m.kind() == "ServiceMonitor" {
			continue // selects services
		}
		walk(m.object, func(o map[string]any) {
			labels, ok := o["matchLabels"].(map[string]any)
			if m.kind() == "Service" {
				labels, ok = o["selector"].(map[string]any)
			}
			if _, elsewhere := labels["kubernetes.io/metadata.name"]; !ok || elsewhere || labels["app.kubernetes.io/name"] == "cloudnative-pg" {
				return
			}
			matched := false
			for _, pod := range pods {
				all := true
				for name, value := range labels {
					all = all && pod[name] == value
				}
				matched = matched || all
			}
			require.True(t, matched, "%v in %s selects no pod", labels, m.name())
		})
	}
}

// specOf is empty for an object without one.
func specOf(m manifest) map[string]any {
	spec, _ := m.object["spec"].(map[string]any)
	return spec
}
