package check

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

// house is what deploy/compose makes of PostgreSQL, its roles and the secrets, on a
// server that this test starts, with the addresses changed and nothing else.
type house struct {
	dir, secrets string
	server       *embedded.Server
	pooler       string // HOST:PORT of PgBouncer
	environment  map[string]string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	folder := pgtest.Folder(t) // PostgreSQL and PgBouncer run as others than root
	h := &house{dir: folder, secrets: filepath.Join(folder, "secrets")}

	script := filepath.Join(folder, "secrets.sh")
	require.NoError(t, os.WriteFile(script, read(t, "compose", "secrets.sh"), 0o755))
	run(t, []string{"OVASABI=" + platform(t)}, "bash", script)
	closed, err := os.Stat(h.secrets)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), closed.Mode().Perm())
	before, err := os.ReadFile(filepath.Join(h.secrets, "app_password"))
	require.NoError(t, err)
	run(t, []string{"OVASABI=" + platform(t)}, "bash", script)
	after, err := os.ReadFile(filepath.Join(h.secrets, "app_password"))
	require.NoError(t, err)
	require.Equal(t, before, after, "what is there stays")
	// In a container each file is mounted by itself; here the folder must let others in.
	require.NoError(t, os.Chmod(h.secrets, 0o755))

	h.server = pgtest.Own(t, embedded.Options{Ephemeral: true, Superuser: "postgres"})
	h.execute(t, "postgres", `CREATE DATABASE ovasabi`)
	// Twice: whoever runs it again loses nothing.
	h.execute(t, "ovasabi", string(read(t, "postgresql", "roles.sql")))
	h.execute(t, "ovasabi", string(read(t, "postgresql", "roles.sql")))
	program(t, "psql", "postgresql-client")
	super, err := url.Parse(h.server.URL("postgres", "ovasabi"))
	require.NoError(t, err)
	password, _ := super.User.Password()
	run(t, []string{
		"SECRETS=" + h.secrets, "POSTGRES_USER=postgres", "POSTGRES_DB=ovasabi",
		"PGHOST=127.0.0.1", "PGPORT=" + super.Port(), "PGPASSWORD=" + password,
	}, "bash", filepath.Join(dir, "compose", "passwords.sh"))
	return h
}

func (h *house) execute(t *testing.T, database, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.server.URL("postgres", database))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.PgConn().Exec(t.Context(), text).ReadAll()
	require.NoError(t, err)
}

// here changes the addresses and places of compose into those of the test.
func (h *house) here(text string) string {
	return strings.NewReplacer(
		"postgres:5432", fmt.Sprintf("127.0.0.1:%d", h.server.Port()),
		"pgbouncer:6432", h.pooler,
		"/run/secrets/token_keys", h.secrets+"/token_keys.json",
		"/run/secrets", h.secrets,
	).Replace(text)
}

// env is that of a service of compose.yaml.
func (h *house) env(t *testing.T, service string) []string {
	t.Helper()
	var list []string
	for name, value := range project(t, "compose.yaml").Services[service].Environment {
		list = append(list, name+"="+h.here(*value))
	}
	return list
}

// run runs a program to its end and returns what it printed.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(clean(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// clean is the environment without what would lead somewhere else.
func clean() (env []string) {
	for _, v := range os.Environ() {
		if !regexp.MustCompile(`^(DATABASE_URL|OVASABI_\w+|DB_\w+|PG\w+)=`).MatchString(v) {
			env = append(env, v)
		}
	}
	return env
}

// log is what a process has said so far.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts a process that the end of the test ends.
func start(t *testing.T, cmd *exec.Cmd) *log {
	t.Helper()
	said := new(log)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	})
	return said
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// pgbouncer starts it with one of the shipped files, in which addresses and places are changed.
func (h *house) pgbouncer(t *testing.T, parts ...string) {
	t.Helper()
	binary := program(t, "pgbouncer", "pgbouncer")
	port := freePort(t)
	h.pooler = fmt.Sprintf("127.0.0.1:%d", port)
	pool := filepath.Join(h.dir, "pool.ini")
	require.NoError(t, os.WriteFile(pool, read(t, "pgbouncer", "pool.ini"), 0o644))
	text := string(read(t, parts...))
	for old, replacement := range map[string]string{
		`host=\S+ port=5432`:     fmt.Sprintf("host=127.0.0.1 port=%d", h.server.Port()),
		`listen_addr = .*`:       "listen_addr = 127.0.0.1",
		`listen_port = 6432`:     fmt.Sprintf("listen_port = %d", port),
		`unix_socket_dir =.*`:    "unix_socket_dir =",
		`auth_file = .*`:         "auth_file = " + filepath.Join(h.secrets, "pgbouncer_users"),
		`%include .*/pool\.ini`:  "%include " + pool,
		`(logfile|pidfile) = .*`: "",
	} {
		text = regexp.MustCompile(old).ReplaceAllString(text, replacement)
	}
	require.NotRegexp(t, `(?m)^[^;].*/etc/`, text)
	file := filepath.Join(h.dir, filepath.Base(parts[0])+".ini")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	cmd := exec.Command(binary, file)
	if os.Geteuid() == 0 { // which PgBouncer refuses
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	said := start(t, cmd)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", h.pooler)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, time.Minute, 20*time.Millisecond, "%s", said)
	require.NotRegexp(t, ` (ERROR|FATAL) `, said.String())
}

// show asks PgBouncer itself.
func (h *house) show(t *testing.T, what string) (rows []map[string]string) {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(h.secrets, "monitor_password"))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://ovasabi_monitor:%s@%s/pgbouncer?sslmode=disable&default_query_exec_mode=simple_protocol", password, h.pooler))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(t.Context(), "SHOW "+what).ReadAll()
	require.NoError(t, err)
	for _, values := range results[0].Rows {
		row := map[string]string{}
		for i, f := range results[0].FieldDescriptions {
			row[f.Name] = string(values[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// Both files are taken by a real PgBouncer, and what pool.ini says is what it does.
func TestPgBouncerTakesItsFiles(t *testing.T) {
	h := newHouse(t)
	for _, file := range [][]string{{"pgbouncer", "pgbouncer.ini"}, {"compose", "pgbouncer.ini"}} {
		t.Run(file[0], func(t *testing.T) {
			h.pgbouncer(t, file...)
			now := map[string]string{}
			for _, row := range h.show(t, "CONFIG") {
				now[row["key"]] = row["value"]
			}
			for _, line := range option.FindAllStringSubmatch(string(read(t, "pgbouncer", "pool.ini")), -1) {
				require.Equal(t, line[2], now[line[1]], line[1])
			}
		})
	}
}

var servingOn = regexp.MustCompile(`serving on http://(127\.0\.0\.1:\d+)\n`)

// The platform as compose runs it: migrated by an owner without rights, served by
// ovasabi_app through PgBouncer in transaction mode, statements prepared, LISTEN past it.
func TestThePlatformServesThroughPgBouncer(t *testing.T) {
	h := newHouse(t)
	h.pgbouncer(t, "compose", "pgbouncer.ini")
	binary := platform(t)
	compose := project(t, "compose.yaml")
	run(t, h.env(t, "migrate"), binary, compose.Services["migrate"].Command...)

	serve := exec.Command(binary, compose.Services["ovasabi"].Command...)
	env := append(h.env(t, "ovasabi"), "OVASABI_LOG_LEVEL=INFO")
	serve.Env = append(append(clean(), env...), "OVASABI_ADDR=127.0.0.1:0")
	said := start(t, serve)
	addr := ""
	require.Eventually(t, func() bool {
		found := servingOn.FindStringSubmatch(said.String())
		if found != nil {
			addr = found[1]
		}
		return found != nil
	}, time.Minute, 20*time.Millisecond, "%s", said)
	run(t, env, binary, "ready", "--addr", addr, "--wait", "1m")

	// What the deployment promises, in the platform's own words.
	require.Eventually(t, func() bool { return strings.Contains(said.String(), "twin flags are followed by LISTEN") }, time.Minute, 50*time.Millisecond, "%s", said)
	require.Contains(t, said.String(), "a pooler stands before it and refuses startup parameters")
	require.NotContains(t, said.String(), "level=ERROR")

	events := filepath.Join(h.dir, "events.ndjson")
	var lines strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&lines, `{"specversion":"1.0","id":"e%d","source":"shop-%d","type":"content:create:v1:success","time":"2026-01-01T00:00:00Z","data":{"n":%d}}`+"\n", n, n%3, n)
	}
	require.NoError(t, os.WriteFile(events, []byte(lines.String()), 0o600))
	run(t, env, binary, "load", "events", events, "--campaign-field", "source")
	content := filepath.Join(h.dir, "content.ndjson")
	lines.Reset()
	for n := range 500 {
		fmt.Fprintf(&lines, `{"slug":"post-%d","title":"Harbour %d","body":"coffee and rope","status":"published"}`+"\n", n, n)
	}
	require.NoError(t, os.WriteFile(content, []byte(lines.String()), 0o600))
	run(t, env, binary, "load", "content", content, "--campaign", "1")

	token := strings.TrimSpace(run(t, env, binary, "token", "create", "--role", "writer", "--campaign", "1"))
	call := func(procedure, request string) (int, string) {
		ask, err := http.NewRequest(http.MethodPost, "http://"+addr+"/ovasabi."+procedure, strings.NewReader(request))
		require.NoError(t, err)
		ask.Header.Set("Authorization", "Bearer "+token)
		ask.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(ask)
		if err != nil {
			return 0, err.Error()
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return 0, err.Error()
		}
		return answer.StatusCode, string(body)
	}
	// More callers than PgBouncer has server connections: each transaction may meet another one.
	group, _ := errgroup.WithContext(t.Context())
	for caller := range 80 {
		group.Go(func() error {
			for n := range 8 {
				procedure, request := "content.v1.ContentService/ListContent", `{"campaignId": "1", "pageSize": 3}`
				switch (caller + n) % 4 {
				case 1:
					procedure, request = "content.v1.ContentService/SearchContent", `{"campaignId": "1", "query": "coffee", "pageSize": 3}`
				case 2:
					procedure, request = "user.v1.UserService/CreateUser", fmt.Sprintf(`{"campaignId": "1", "user": {"email": "u%[1]d@example.org", "username": "u%[1]d"}}`, caller*8+n)
				case 3:
					procedure, request = "nexus.v1.NexusService/ListEvents", `{"campaignId": "1", "pageSize": 3}`
				}
				if status, body := call(procedure, request); status != http.StatusOK {
					return fmt.Errorf("%s: %d %s", procedure, status, body)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait(), "%s", said)
	status, body := call("content.v1.ContentService/ListContent", `{"campaignId": "2", "pageSize": 1}`)
	require.Equal(t, http.StatusForbidden, status, body)

	// Statements were prepared through the pooler, and shared its connections.
	pools, servers := h.show(t, "POOLS"), h.show(t, "SERVERS")
	require.NotEmpty(t, pools)
	require.NotEmpty(t, servers)
	require.LessOrEqual(t, len(servers), 50)
	prepared := 0
	for _, row := range servers {
		n, err := strconv.Atoi(row["prepared_statements"])
		require.NoError(t, err)
		prepared += n
	}
	require.Positive(t, prepared)

	// Prometheus gets in by its secret, and nobody else does.
	secret, err := os.ReadFile(filepath.Join(h.secrets, "metrics_token"))
	require.NoError(t, err)
	for bearer, want := range map[string]int{string(secret): http.StatusOK, "wrong": http.StatusUnauthorized} {
		ask, err := http.NewRequest(http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
		require.NoError(t, err)
		ask.Header.Set("Authorization", "Bearer "+bearer)
		answer, err := http.DefaultClient.Do(ask)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode)
	}

	// The roles are what doctor and the verification want them to be.
	owner := h.env(t, "migrate")
	require.Contains(t, run(t, owner, binary, "migrate", "verify"), "\n0 findings\n")
	super := []string{"DATABASE_URL=" + h.server.URL("postgres", "ovasabi")}
	require.NotContains(t, run(t, super, binary, "doctor", "--only", "role"), "ERROR")
	run(t, h.env(t, "maintain"), binary, "maintain", "run")

	require.NoError(t, serve.Process.Signal(syscall.SIGTERM))
	require.NoError(t, serve.Wait(), "%s", said)
}
