package repository_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

func TestSpansHoldNoValues(t *testing.T) {
	f := newFixture(t)
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	db, err := database.Open(f.one, f.AppURL, database.Default(), database.WithTracer(repository.NewTracing(provider)),
		database.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	t.Cleanup(db.Close)
	ctx, root := provider.Tracer("test").Start(f.one, "root")
	ctx = database.WithQueryName(ctx, "secrets.find")
	scope := campaign.NewScope(db.Pool)
	const secret = "secret-in-a-parameter"
	_, err = scope.Exec(ctx, `SELECT id FROM ovasabi.service_event WHERE event_id = $1`, secret)
	require.NoError(t, err)
	_, err = db.Exec(ctx, `SELECT $1::text::integer`, secret) // the server's error text quotes the value
	require.ErrorContains(t, err, secret)
	_, err = db.Exec(ctx, `SELECT $1::integer`, secret) // pgx's own error text quotes it too
	require.ErrorContains(t, err, secret)
	root.End()

	names := map[string]int{}
	for _, span := range spans.Ended() {
		names[span.Name()]++
		require.NotContains(t, fmt.Sprint(span.Name(), span.Attributes(), span.Events(), span.Status()), secret)
	}
	require.GreaterOrEqual(t, names["secrets.find"], 3, "%v", names)
}
