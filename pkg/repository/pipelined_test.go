package repository_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// Only what is declared Pipelined goes through the pipeline, and in a
// transaction nothing does: it would not see what the transaction wrote.
func TestPipelinedReadsGoThroughThePipeline(t *testing.T) {
	f := newFixture(t)
	pipeline, err := campaign.NewPipeline(f.scope, campaign.PipelineOptions{})
	require.NoError(t, err)
	t.Cleanup(pipeline.Close)
	metrics, err := repository.NewRepositoryMetrics()
	require.NoError(t, err)
	metrics.WatchPipeline(pipeline)
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(metrics))
	r := repository.NewEnhancedBaseRepository(f.scope, repository.Enhancements{Metrics: metrics, Reads: pipeline})
	batch := newBatch(t, f, events)
	addEvents(t, batch, 0, 2)
	require.NoError(t, batch.Execute(f.one))
	through := func() float64 { return samples(t, registry, "ovasabi_pipelined_reads_total", "alone") }

	short := findEvent.Pipelined()
	require.Equal(t, findEvent.Name(), short.Name())
	var e storedEvent
	require.NoError(t, r.QueryRow(f.one, findEvent, 1, named(1)).Scan(&e.ID, &e.EventID))
	require.Zero(t, through())
	require.NoError(t, r.QueryRow(f.one, short, 1, named(1)).Scan(&e.ID, &e.EventID))
	require.EqualValues(t, 1, through())
	require.Equal(t, named(1), e.EventID)
	require.EqualValues(t, 2, samples(t, registry, "db_client_operation_duration_seconds", "event.find", "SELECT", "ok"))

	write := repository.Declare("event.forget", `DELETE FROM ovasabi.service_event RETURNING id`)
	require.NoError(t, r.InTx(f.one, txOptions, func(ctx context.Context, r repository.Repository) error {
		if _, err := r.Exec(ctx, write); err != nil {
			return err
		}
		require.ErrorIs(t, r.QueryRow(ctx, short, 1, named(1)).Scan(&e.ID, &e.EventID), fault.NotFound)
		return nil
	}))
	require.EqualValues(t, 1, through())

	// A plain repository knows of no pipeline.
	require.ErrorIs(t, repository.NewBaseRepository(f.scope).QueryRow(f.one, short, 1, named(1)).Scan(&e.ID, &e.EventID), fault.NotFound)
	require.EqualValues(t, 1, through())
}
