package database_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

func open(t *testing.T, url string, c database.PG18Config, opts ...database.Option) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), url, c, opts...)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	return db
}

func setting(t *testing.T, db *database.DB, name string) string {
	t.Helper()
	var value string
	require.NoError(t, db.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&value))
	return value
}

func TestEveryConnectionCarriesTheConfiguration(t *testing.T) {
	pg := pgtest.New(t)
	c := database.Default()
	c.MaxOpenConns, c.MaxIdleConns, c.IOConcurrency, c.MaintenanceIOConc = 3, 1, 7, 9
	var log bytes.Buffer
	db := open(t, pg.AppURL, c, database.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), database.WithParameter("search_path", ""))
	require.Equal(t, "7", setting(t, db, "effective_io_concurrency"))
	require.Equal(t, "9", setting(t, db, "maintenance_io_concurrency"))
	require.Equal(t, "30s", setting(t, db, "statement_timeout"))
	require.Equal(t, "ovasabi", setting(t, db, "application_name"))
	require.Empty(t, setting(t, db, "search_path"))
	require.Equal(t, int32(3), db.Stat().MaxConns())

	s := db.Server
	require.GreaterOrEqual(t, s.VersionNumber, 180000)
	require.Equal(t, "ovasabi_app", s.Role)
	require.False(t, s.Superuser || s.BypassRLS)
	require.Contains(t, s.IOMethods, s.IOMethod)
	require.True(t, s.HasExtension("plpgsql"))
	require.True(t, s.StatementStatistics)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	require.Contains(t, log.String(), "effective_io_concurrency=7")
}

func TestWhatIsOffIsSaidWithItsReason(t *testing.T) {
	pg := pgtest.New(t)
	c := database.Default()
	c.AsyncIOEnabled, c.PreparedStmtCaching = false, false
	var log bytes.Buffer
	db := open(t, pg.AppURL, c, database.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.Contains(t, log.String(), "DB_ASYNC_IO_ENABLED is false")
	var prepared int
	for range 3 {
		require.NoError(t, db.QueryRow(t.Context(), `SELECT count(*) FROM pg_catalog.pg_prepared_statements`).Scan(&prepared))
	}
	require.Zero(t, prepared)
}

func TestTheURLsOwnSettingsStandAboveTheConfiguration(t *testing.T) {
	pg := pgtest.New(t)
	db := open(t, pg.AppURL+"&application_name=mine", database.Default())
	require.Equal(t, "mine", setting(t, db, "application_name"))
}

func TestBadAddressesHaveOneClearSentence(t *testing.T) {
	pg := pgtest.New(t)
	for name, bad := range map[string]struct {
		url  string
		kind fault.Kind
		want string
	}{
		"no URL":           {"://", fault.Invalid, "DATABASE_URL: must be a PostgreSQL URL"},
		"nobody listens":   {"postgres://a:b@127.0.0.1:1/x", fault.Unavailable, "cannot answer now"},
		"a wrong password": {strings.Replace(pg.AppURL, "@", "wrong@", 1), fault.Denied, "password"},
		"no such database": {strings.Replace(pg.AppURL, pg.Name, "no_such_database", 1), fault.Invalid, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := database.Open(t.Context(), bad.url, database.Default())
			require.ErrorContains(t, err, bad.want)
			require.ErrorIs(t, err, bad.kind)
			require.NotContains(t, err.Error(), "wrong")
		})
	}
	c := database.Default()
	c.MaxOpenConns = 0
	_, err := database.Open(t.Context(), pg.AppURL, c)
	require.ErrorContains(t, err, "DB_MAX_OPEN_CONNS")
}

// Such a server is overloaded, or a firewall drops what is sent to it. The caller
// has not given up, and may come again.
func TestAServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	pool := pgtest.Pool(t, "postgres://app@"+silent.Addr().String()+"/app?sslmode=disable", 1, func(c *pgxpool.Config) {
		c.ConnConfig.ConnectTimeout = 20 * time.Millisecond
	})
	err = fault.FromPostgres(pool.Ping(t.Context()))
	require.ErrorIs(t, err, fault.Unavailable)
	require.NotErrorIs(t, err, fault.Canceled)

	patient := pgtest.Pool(t, "postgres://app@"+silent.Addr().String()+"/app?sslmode=disable", 1, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, fault.FromPostgres(patient.Ping(ctx)), fault.Canceled, "the caller's own deadline")
}

// An older server is not at hand: a listener speaks as one for as long as the handshake takes.
func TestAnOlderServerIsRefusedWithOneSentence(t *testing.T) {
	for _, version := range []string{"15.18 (Debian 15.18-0+deb12u1)", "9.6.24", "17.5"} {
		url := greeter(t, version)
		_, err := database.Open(t.Context(), url, database.Default())
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, "the server is PostgreSQL "+version+", and OVASABI needs 18 or newer")
	}
}

// greeter accepts connections as a server of the version, and answers nothing else.
func greeter(t *testing.T, version string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			backend := pgproto3.NewBackend(bufio.NewReader(conn), conn)
			if _, err := backend.ReceiveStartupMessage(); err == nil {
				backend.Send(&pgproto3.AuthenticationOk{})
				backend.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: version})
				backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
				backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				_ = backend.Flush()
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}
	}()
	return "postgres://a:b@" + l.Addr().String() + "/x?sslmode=disable"
}

// A pooler in transaction mode refuses startup parameters; the pool goes without and says so.
func TestAPoolerThatRefusesStartupParameters(t *testing.T) {
	pg := pgtest.New(t)
	var log bytes.Buffer
	db := open(t, refusing(t, pg.AppURL), database.Default(), database.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.Equal(t, "0", setting(t, db, "statement_timeout"))
	require.Contains(t, log.String(), "a pooler stands before it and refuses startup parameters")
}

// refusing passes connections on to the server, but for those that carry a
// statement_timeout: PgBouncer 1.26 answers them as this does.
func refusing(t *testing.T, url string) string {
	t.Helper()
	at := strings.Index(url, "@") + 1
	address, _, _ := strings.Cut(url[at:], "/")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client, address)
		}
	}()
	return url[:at] + l.Addr().String() + url[at+len(address):]
}

func relay(client net.Conn, address string) {
	defer client.Close()
	first := make([]byte, 4096)
	n, err := client.Read(first)
	if err != nil {
		return
	}
	if bytes.Contains(first[:n], []byte("statement_timeout")) {
		message, err := (&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: "unsupported startup parameter: statement_timeout"}).Encode(nil)
		if err == nil {
			_, _ = client.Write(message)
		}
		return
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := server.Write(first[:n]); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

func TestAClosedPoolLeavesNoGoroutine(t *testing.T) {
	pg := pgtest.New(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	db, err := database.Open(context.Background(), pg.AppURL, database.Default())
	require.NoError(t, err)
	require.NoError(t, db.Ping(context.Background()))
	db.Close()
}
