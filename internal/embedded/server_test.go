//go:build unix

package embedded_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/internal/embedded"
	"github.com/ovasabi/ovasabi/internal/pgtest"
)

func TestDataPortAndPasswordsAreKeptBetweenRuns(t *testing.T) {
	dir := filepath.Join(pgtest.Folder(t), "data")
	first := start(t, quiet(dir))
	if err := first.EnsureLogin(t.Context(), "ovasabi_app"); err != nil {
		t.Fatal(err)
	}
	owner, app := first.URL(embedded.DefaultSuperuser, "postgres"), first.URL("ovasabi_app", "postgres")
	conn := connect(t, owner)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE public.kept AS SELECT 7 AS n`); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, first)

	second := start(t, quiet(dir))
	if got := second.URL(embedded.DefaultSuperuser, "postgres"); got != owner {
		t.Errorf("the address was %s and is %s", owner, got)
	}
	if n := ask[int](t, connect(t, owner), `SELECT n FROM public.kept`); n != 7 {
		t.Errorf("the table holds %d", n)
	}
	if user := ask[string](t, connect(t, app), `SELECT current_user::text`); user != "ovasabi_app" {
		t.Errorf("logged in as %s", user)
	}
}

func TestServerIsAsPromised(t *testing.T) {
	dir := pgtest.Folder(t)
	o := quiet(dir)
	o.Settings = map[string]string{"work_mem": "17MB", "pg_stat_statements.max": "1234", "application_name": `it's a \ test`}
	s := start(t, o)
	conn := connect(t, s.URL(embedded.DefaultSuperuser, "postgres"))
	for setting, want := range map[string]string{
		"data_checksums": "on", "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "password_encryption": "scram-sha-256",
		"shared_preload_libraries": "pg_stat_statements", "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
		"server_encoding": "UTF8", "work_mem": "17MB", "pg_stat_statements.max": "1234", "track_io_timing": "on", "TimeZone": "UTC",
	} {
		if got := ask[string](t, conn, `SELECT current_setting($1)`, setting); got != want {
			t.Errorf("%s is %q, not %q", setting, got, want)
		}
	}
	if got := ask[string](t, conn, `SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'work_mem'`); got != "17408" {
		t.Errorf("work_mem is reset to %s kB", got)
	}
	if got := ask[string](t, conn, `SELECT string_agg(DISTINCT type || ' ' || auth_method, ', ') FROM pg_catalog.pg_hba_file_rules WHERE type <> 'local'`); got != "host scram-sha-256" {
		t.Errorf("the rules for who may log in are %q", got)
	}
	if got := ask[string](t, conn, `SELECT datlocprovider::text || ' ' || datlocale FROM pg_catalog.pg_database WHERE datname = current_database()`); got != "b C.UTF-8" {
		t.Errorf("the collation is %q", got)
	}
	// Under the character type C these quotes and this dash would be letters.
	if got := ask[string](t, conn, `SELECT to_tsvector('simple', '“hello”—Wörld’s ÜNÏ')::text`); got != "'hello':1 's':3 'wörld':2 'ünï':4" {
		t.Errorf("the words of a text are %s", got)
	}
	if major := ask[string](t, conn, `SELECT current_setting('server_version')`); major != s.Installation().Version {
		t.Errorf("version %s runs, and %s was found", major, s.Installation().Version)
	}
}

func TestRoleWithoutPasswordCannotLogIn(t *testing.T) {
	o := quiet(pgtest.Folder(t))
	o.Ephemeral = true
	s := start(t, o)
	for _, role := range []string{"", ":wrong"} {
		address, err := url.Parse(s.URL("nobody_here", "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		wrong := strings.Replace(address.String(), "nobody_here", embedded.DefaultSuperuser+role, 1)
		conn, err := pgx.Connect(t.Context(), wrong)
		if err == nil {
			_ = conn.Close(t.Context())
			t.Errorf("logged in with %s", wrong)
		}
	}
}

func TestPasswordsAreSecret(t *testing.T) {
	dir := pgtest.Folder(t)
	s := start(t, quiet(dir))
	if err := s.EnsureLogin(t.Context(), "ovasabi_app", "ovasabi_monitor"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "credentials.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the passwords' file: %v, %v", info.Mode(), err)
	}
	conn := connect(t, s.URL(embedded.DefaultSuperuser, "postgres"))
	if _, err := conn.Exec(t.Context(), `CREATE EXTENSION pg_stat_statements`); err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureLogin(t.Context(), "one more", "ovasabi_app"); err != nil {
		t.Fatal(err)
	}
	statements := ask[string](t, conn, `SELECT string_agg(query, ';') FROM public.pg_stat_statements`)
	for _, role := range []string{"ovasabi_app", "ovasabi_monitor", "one more"} {
		address, err := url.Parse(s.URL(role, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		password, _ := address.User.Password()
		if len(password) < 20 || strings.Contains(statements, password) {
			t.Errorf("the password of %s is short, or the statistics show it", role)
		}
		if user := ask[string](t, connect(t, address.String()), `SELECT current_user::text`); user != role {
			t.Errorf("logged in as %s, not %s", user, role)
		}
	}
}

// A second EnsureLogin changes nothing, and a password that somebody changed is set
// again.
func TestEnsureLoginSetsOnlyWhatDiffers(t *testing.T) {
	o := quiet(pgtest.Folder(t))
	o.Ephemeral = true
	s := start(t, o)
	conn := connect(t, s.URL(embedded.DefaultSuperuser, "postgres"))
	verifier := func() string {
		return ask[string](t, conn, `SELECT rolpassword || rolcanlogin FROM pg_catalog.pg_authid WHERE rolname = 'ovasabi_app'`)
	}
	ensure := func() {
		if err := s.EnsureLogin(t.Context(), "ovasabi_app"); err != nil {
			t.Fatal(err)
		}
	}
	ensure()
	before := verifier()
	ensure()
	if verifier() != before {
		t.Error("the password was set again for nothing")
	}
	if _, err := conn.Exec(t.Context(), `ALTER ROLE ovasabi_app NOLOGIN PASSWORD 'other'`); err != nil {
		t.Fatal(err)
	}
	ensure()
	connect(t, s.URL("ovasabi_app", "postgres"))
}

func TestLostPasswordsAreMadeAnew(t *testing.T) {
	dir := pgtest.Folder(t)
	stop(t, start(t, quiet(dir)))
	if err := os.Remove(filepath.Join(dir, "credentials.json")); err != nil {
		t.Fatal(err)
	}
	start(t, quiet(dir)) // connects as the superuser
}

func TestStalePidFileIsSurvived(t *testing.T) {
	dir := pgtest.Folder(t)
	stop(t, start(t, quiet(dir)))
	pidFile := filepath.Join(dir, "postgresql", "postmaster.pid")
	for name, content := range map[string]string{
		// PostgreSQL would refuse to start for the first two: as far as it can tell these
		// processes might be a server.
		"of a living process": pidText(os.Getppid()), "of this process": pidText(os.Getpid()),
		"of a dead process": pidText(1 << 22), "damaged": "not a number\n", "empty": "",
	} {
		if err := os.WriteFile(pidFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := embedded.Start(context.Background(), quiet(dir))
		if err != nil {
			t.Fatalf("a pid file %s: %v", name, err)
		}
		stop(t, s)
	}
}

// initdb writes beside the cluster's place: what a kill leaves there is thrown away.
func TestInterruptedInitdbIsRecovered(t *testing.T) {
	dir := filepath.Join(pgtest.Folder(t), "data")
	cmd := child(t, "hold", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "postgresql.new", "base")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(half); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("initdb never began")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if _, err := os.Stat(filepath.Join(dir, "postgresql")); !os.IsNotExist(err) {
		t.Fatalf("the cluster is in its place though initdb was interrupted: %v", err)
	}
	s := start(t, quiet(dir))
	if n := ask[int](t, connect(t, s.URL(s.Superuser(), "postgres")), `SELECT 1`); n != 1 {
		t.Error("the server does not answer")
	}
	if _, err := os.Stat(filepath.Join(dir, "postgresql.new")); !os.IsNotExist(err) {
		t.Errorf("the half cluster is left: %v", err)
	}
}

func TestPortIsTakenAnewWhenSomebodyHasTheLastOne(t *testing.T) {
	dir := pgtest.Folder(t)
	first := start(t, quiet(dir))
	port := first.Port()
	stop(t, first)
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if second := start(t, quiet(dir)); second.Port() == port {
		t.Errorf("the server says that it has port %d, which another has", port)
	}
}

// BenchmarkStart prints how long an empty folder and one with data take until the
// server accepts connections.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		dir := pgtest.Folder(b)
		for _, name := range []string{"ms-empty", "ms-existing"} {
			began := time.Now()
			s, err := embedded.Start(context.Background(), quiet(dir))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds()), name)
			stop(b, s)
		}
	}
}
