package check

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var setting = regexp.MustCompile(`(?m)^([a-z_.]+) = '(.*)'$`)

// goStrings reads the texts of a map's keys or of a list that a Go file holds under a name.
func goStrings(t *testing.T, file, name string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		value, ok := n.(*ast.ValueSpec)
		if !ok || value.Names[0].Name != name {
			return true
		}
		ast.Inspect(value, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok {
				n = pair.Key
			}
			if text, ok := n.(*ast.BasicLit); ok {
				plain, err := strconv.Unquote(text.Value)
				require.NoError(t, err)
				found = append(found, plain)
				return false
			}
			return true
		})
		return false
	})
	require.Greater(t, len(found), 20, name)
	return found
}

// The settings of the cluster are those of deploy/postgresql/medium.conf, for which its
// pods have the memory and the cores, less what the operator keeps to itself.
func TestTheClustersParametersAreRendered(t *testing.T) {
	operator := moduleDir(t, "github.com/cloudnative-pg/cloudnative-pg")
	fixed := goStrings(t, filepath.Join(operator, "pkg", "postgres", "configuration.go"), "FixedConfigurationParameters")
	parameters := map[string]string{
		// They make the operator load the library and make the extension.
		"pg_stat_statements.track": "all", "pg_stat_statements.track_utility": "on",
	}
	left := []string{}
	for _, line := range setting.FindAllStringSubmatch(string(read(t, "postgresql", "medium.conf")), -1) {
		if slices.Contains(fixed, line[1]) {
			left = append(left, line[1])
			continue
		}
		parameters[line[1]] = line[2]
	}
	require.Equal(t, []string{"shared_preload_libraries"}, left)
	var text strings.Builder
	text.WriteString(`# Made from deploy/postgresql/medium.conf (16GB, 4 cores), which says why of each line:
# go test -C deploy/check . -run TestTheClustersParameters -update
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: ovasabi-db
spec:
  postgresql:
    parameters:
`)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		fmt.Fprintf(&text, "      %s: %q\n", name, parameters[name])
	}
	made(t, text.String(), "kubernetes", "parameters.yaml")
}

var option = regexp.MustCompile(`(?m)^([a-z_]+) = ?(.*)$`)

// PgBouncer does the same in Kubernetes as elsewhere.
func TestThePoolersParametersAreThoseOfPoolIni(t *testing.T) {
	operator := moduleDir(t, "github.com/cloudnative-pg/cloudnative-pg")
	allowed := goStrings(t, filepath.Join(operator, "internal", "webhook", "v1", "pooler_webhook.go"), "AllowedPgbouncerGenericConfigurationParameters")
	var pooler struct {
		Spec struct {
			Instances int
			Pgbouncer struct {
				PoolMode   string
				Parameters map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(read(t, "kubernetes", "pooler.yaml"), &pooler))
	want := map[string]string{}
	for _, line := range option.FindAllStringSubmatch(string(read(t, "pgbouncer", "pool.ini")), -1) {
		want[line[1]] = line[2]
	}
	require.Equal(t, want["pool_mode"], pooler.Spec.Pgbouncer.PoolMode)
	delete(want, "pool_mode")
	delete(want, "ignore_startup_parameters") // the operator adds its own to it
	// The server's connections are shared out among the instances.
	most, err := strconv.Atoi(want["max_db_connections"])
	require.NoError(t, err)
	want["max_db_connections"] = strconv.Itoa(most / pooler.Spec.Instances)
	require.Equal(t, want, pooler.Spec.Pgbouncer.Parameters)
	for name := range pooler.Spec.Pgbouncer.Parameters {
		require.Contains(t, allowed, name)
	}
}

// What may connect at most fits into what the server takes.
func TestConnectionsFit(t *testing.T) {
	pool := string(read(t, "pgbouncer", "pool.ini"))
	number := func(text, name string) int {
		found := regexp.MustCompile(`(?m)^` + name + `\s*[=:]\s*["']?(\d+)`).FindStringSubmatch(text)
		require.NotNil(t, found, name)
		n, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		return n
	}
	for _, conf := range []string{"small.conf", "medium.conf", "large.conf", "bulk.conf"} {
		connections := number(string(read(t, "postgresql", conf)), "max_connections")
		// Ten processes with a listening and two monitoring connections, an administrator, backups.
		direct := 10*4 + 10
		if conf != "bulk.conf" { // of which the page says that PgBouncer's must be lowered
			require.Less(t, number(pool, "max_db_connections")+direct, connections, conf)
		}
	}
}
