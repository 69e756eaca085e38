package repository

import (
	"context"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Tracing is otelpgx with nothing in its spans that a row holds: neither the
// parameters of a statement nor the server's error texts, which may quote them.
// A span is called after its query's name where the context has one, else after
// the statement's first word. Spans are made only below a recording span.
//
// It is given to the database before it is opened: database.WithTracer(NewTracing(provider)).
type Tracing struct{ *otelpgx.Tracer }

// NewTracing returns a tracer over the provider; nil takes OpenTelemetry's global
// one. It makes no metrics: those are RepositoryMetrics'.
func NewTracing(provider trace.TracerProvider) *Tracing {
	options := []otelpgx.Option{
		otelpgx.WithSpanNameCtxFunc(spanName),
		otelpgx.WithMeterProvider(noop.NewMeterProvider()),
		otelpgx.WithDisableConnectionDetailsInAttributes(),
	}
	if provider != nil {
		options = append(options, otelpgx.WithTracerProvider(provider))
	}
	return &Tracing{otelpgx.NewTracer(options...)}
}

func spanName(ctx context.Context, sql string) string {
	if name := database.QueryName(ctx); name != "" {
		return name
	}
	return operationOf(sql)
}

// TraceQueryEnd ends the span of a query.
func (t *Tracing) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TraceQueryEnd(ctx, conn, data)
}

// TraceBatchQuery makes the span of one statement of a batch.
func (t *Tracing) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TraceBatchQuery(ctx, conn, data)
}

// TraceBatchEnd ends the span of a batch.
func (t *Tracing) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TraceBatchEnd(ctx, conn, data)
}

// TraceCopyFromEnd ends the span of a COPY.
func (t *Tracing) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TraceCopyFromEnd(ctx, conn, data)
}

// TracePrepareEnd ends the span of a prepare.
func (t *Tracing) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TracePrepareEnd(ctx, conn, data)
}

// TraceConnectEnd ends the span of a connect.
func (t *Tracing) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TraceConnectEnd(ctx, data)
}

// TraceAcquireEnd ends the span of an acquire.
func (t *Tracing) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	data.Err = fault.FromPostgres(data.Err)
	t.Tracer.TraceAcquireEnd(ctx, pool, data)
}
