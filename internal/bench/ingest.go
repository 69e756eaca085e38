package bench

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync/atomic"

	"google.golang.org/protobuf/types/known/structpb"

	nexusv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/nexus/v1"
	"github.com/ovasabi/ovasabi/internal/service/nexus"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const acceptEventSQL = `
INSERT INTO ovasabi.service_event (campaign_id, event_id, event_type, entity_id, metadata, payload)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (campaign_id, event_id) DO NOTHING`

// ingest sends events one by one from many callers, each of whom waits for the
// commit of its own.
func ingest(ctx context.Context, s *stage) (Scenario, error) {
	w, closeAll, err := s.inserter(ctx)
	if err != nil {
		return Scenario{}, err
	}
	defer closeAll()
	payload, err := structpb.NewValue(map[string]any{"pieces": 2, "total_cents": 1990})
	if err != nil {
		return Scenario{}, err
	}
	processor := nexus.NewBatchEventProcessor(w.full.scope, nil, nexus.ProcessorConfig{}, slog.New(slog.DiscardHandler))
	var n atomic.Int64
	plain := func(ctx context.Context, _ int) error {
		k := n.Add(1)
		return w.plain.inCampaign(ctx, w.campaign, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, acceptEventSQL, w.campaign, fmt.Sprintf("sent-%09d", k), eventTypes[k%8], fmt.Sprintf("order/%d", k%1000), "{}", `{"pieces": 2, "total_cents": 1990}`)
			return err
		})
	}
	full := func(ctx context.Context, _ int) error {
		k := n.Add(1)
		return processor.ProcessEvents(in(ctx, w.campaign), []*nexusv1.EventRequest{{
			CampaignId: w.campaign, EventId: fmt.Sprintf("sent-%09d", k), EventType: eventTypes[k%8], EntityId: fmt.Sprintf("order/%d", k%1000), Payload: payload,
		}})
	}
	found := Scenario{Of: "one event, sent alone and answered after its commit, on disk"}
	for _, callers := range []int{s.pick(16, 2), s.pick(256, 8)} {
		p := s.plan(8, fmt.Sprintf("%d senders", callers))
		p.by = byThroughput
		// Blocks that take about as long: filling up and running dry weigh alike.
		f, err := measure(ctx, p, []way{
			{name: "before", before: w.empty, block: atOnce(callers, s.pick(800, 20), plain), rows: 1},
			{name: "after", before: w.empty, block: atOnce(callers, s.pick(8000, 20), full), rows: 1},
		})
		if err == nil {
			err = w.kept(ctx, s.pick(2000, 20), full, callers)
		}
		if err != nil {
			return found, err
		}
		found.Cases = append(found.Cases, Case{Name: fmt.Sprintf("%d senders", callers), Figures: f})
	}
	found.headline(found.Cases[1])
	if err := processor.Close(ctx); err != nil {
		return found, err
	}
	found.Note = "Before: a transaction an event over database/sql with a pool of 4. After: the event processor gathers what came meanwhile and writes it in one statement, over as many connections; each sender waits for its own commit."
	return found, s.drop(ctx, "bulk")
}

// kept sends a block once more and counts what is stored: every event that was answered.
func (w *inserter) kept(ctx context.Context, n int, send func(context.Context, int) error, callers int) error {
	if err := w.empty(ctx); err != nil {
		return err
	}
	block, err := atOnce(callers, n, send)(ctx, 0)
	if err != nil {
		return err
	}
	var stored int
	if err := w.owner.QueryRow(ctx, `SELECT count(*) FROM ovasabi.service_event`).Scan(&stored); err != nil {
		return fault.FromPostgres(err)
	}
	if stored != len(block.took) || block.errors > 0 {
		return fault.New(fault.Conflict, "%d events were answered and %d are stored, with %d errors", len(block.took), stored, block.errors)
	}
	return nil
}
