package doctor_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/doctor"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

func exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	for _, s := range statements {
		_, err := conn.PgConn().Exec(context.Background(), s).ReadAll()
		require.NoError(t, err, s)
	}
}

func migrate(t testing.TB, url string) {
	t.Helper()
	require.NoError(t, schema.Up(context.Background(), url, schema.Latest(), schema.Options{}))
}

func run(t testing.TB, url string, o doctor.Options) doctor.Report {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	report, err := doctor.Run(context.Background(), config, o)
	require.NoError(t, err)
	return report
}

// upToDate is a world whose newest release the server is.
func upToDate() []doctor.Release { return []doctor.Release{{Number: 180000, Date: "2025-09-25"}} }

// about returns the findings of a check whose object holds a text.
func about(r doctor.Report, id, object string) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f doctor.Finding) bool {
		return f.ID != id || !strings.Contains(f.Object, object)
	})
}

// serious are those at warning or above.
func serious(r doctor.Report) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f doctor.Finding) bool { return f.Severity == doctor.Info })
}
