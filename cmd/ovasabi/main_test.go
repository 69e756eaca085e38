package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asBinary makes the test binary behave as ovasabi itself: what is tested is a process.
const asBinary = "OVASABI_TEST_AS_BINARY"

func TestMain(m *testing.M) {
	if os.Getenv(asBinary) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, os.Stderr})) //nolint:gocritic // the process ends
	}
	os.Exit(m.Run())
}

// process is a running ovasabi.
type process struct {
	*exec.Cmd
	out, err *output
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func start(t *testing.T, stdin string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{exec.Command(self, args...), &output{}, &output{}}
	p.Env = []string{asBinary + "=1"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DATABASE_URL=") && !strings.HasPrefix(v, "OVASABI_") && !strings.HasPrefix(v, "DB_") {
			p.Env = append(p.Env, v)
		}
	}
	if cache := os.Getenv("OVASABI_CACHE"); cache != "" {
		p.Env = append(p.Env, "OVASABI_CACHE="+cache)
	}
	p.Stdin, p.Stdout, p.Stderr = strings.NewReader(stdin), p.out, p.err
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		_ = p.Wait()
	})
	return p
}

// end waits for the process and returns its exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	ended := make(chan struct{})
	go func() { _ = p.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		_ = p.Process.Kill()
		t.Fatalf("still running after a minute: %s", p.err)
	}
	return p.ProcessState.ExitCode()
}

// do runs a verb to its end.
func do(t *testing.T, stdin string, args ...string) (code int, out, err string) {
	t.Helper()
	p := start(t, stdin, args...)
	code = p.end(t)
	return code, p.out.String(), p.err.String()
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no verb":            {nil, "expected one of"},
		"an unknown flag":    {[]string{"up", "--no-such-flag"}, "unknown flag --no-such-flag"},
		"a bad address":      {[]string{"up", "--addr", "nonsense"}, "addr: must be HOST:PORT"},
		"a pool of nothing":  {[]string{"up", "--db-max-open-conns", "0"}, "DB_MAX_OPEN_CONNS: must be from 1 to 10000"},
		"an unknown kind":    {[]string{"load", "cats", "x"}, "content"},
		"a missing file":     {[]string{"load", "events", "/no/such/file", "--campaign", "1"}, "/no/such/file"},
		"no database at all": {[]string{"migrate", "status", "--data", "/no/such/folder"}, "no database is named"},
		"a phase too far":    {[]string{"migrate", "up", "--to", "9"}, "to: must be a phase from 0 to"},
		"serve without URL":  {[]string{"serve"}, "--database-url"},
		"a wrong role":       {[]string{"token", "create", "--role", "king"}, "reader, writer, admin or operator"},
		"a wrong log level":  {[]string{"version", "--log-level", "LOUD"}, "log-level"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, err := do(t, "", c.args...)
			require.Equal(t, exitUsage, code, err)
			require.Contains(t, err, c.want)
			require.Empty(t, out)
		})
	}
}

func TestHelpShowsFlagsWithTheirEnvironmentAndDefaults(t *testing.T) {
	code, out, _ := do(t, "", "up", "--help")
	require.Equal(t, exitDone, code)
	for _, want := range []string{"$OVASABI_ADDR", "127.0.0.1:8080", "$DB_MAX_OPEN_CONNS", "$DATABASE_URL", "--demo", "--ready-file"} {
		require.Contains(t, out, want)
	}
	code, out, _ = do(t, "", "version")
	require.Equal(t, exitDone, code)
	require.Contains(t, out, "ovasabi ")
}
