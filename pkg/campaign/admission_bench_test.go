package campaign_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
)

// BenchmarkCallers compares 1,000 callers of ten campaigns on 50 connections with
// 50 callers, in blocks in turn: throughput, and how evenly the calls fell on the
// campaigns. The same is done through a pipeline, which is for reads, and on the
// bare pool, to tell what of the difference is Go's and pgx's; and with writes.
func BenchmarkCallers(b *testing.B) {
	db := pgtest.New(b)
	pool := pgtest.Pool(b, db.AppURL, 50, nil)
	admission, err := campaign.NewAdmission(campaign.AdmissionConfig{Capacity: 50}, campaign.RowLimits{Pool: pool})
	require.NoError(b, err)
	b.Cleanup(admission.Close)
	scope := campaign.NewScope(pool, campaign.WithAdmission(admission))
	pipeline, err := campaign.NewPipeline(scope, campaign.PipelineOptions{})
	require.NoError(b, err)
	b.Cleanup(pipeline.Close)
	var ids []int64
	require.NoError(b, scope.AcrossCampaigns(b.Context(), "benchmark", database.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
INSERT INTO ovasabi.service_campaign_main (slug, name)
SELECT 'c' || n, 'c' || n
FROM generate_series(1, 10) AS n
RETURNING id`)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	}))

	var written atomic.Int64
	read := func(ctx context.Context, q database.Querier, id int64) error {
		rows, err := q.Query(ctx, readOne, id, 1)
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		return err
	}
	write := func(ctx context.Context, q database.Querier, id int64) error {
		_, err := q.Exec(ctx, insertContent, id, strconv.FormatInt(written.Add(1), 10))
		return err
	}
	// calls runs the callers for a while and returns calls a second, and the least and the most of a campaign.
	calls := func(callers int, q database.Querier, call func(context.Context, database.Querier, int64) error) (rate float64, least, most int64) {
		counts := make([]atomic.Int64, len(ids))
		until := time.Now().Add(400 * time.Millisecond)
		var group sync.WaitGroup
		start := time.Now()
		for i := range callers {
			n := i % len(ids)
			ctx := campaign.NewContext(b.Context(), campaign.ID(ids[n]))
			group.Go(func() {
				for time.Now().Before(until) {
					if err := call(ctx, q, ids[n]); err != nil {
						b.Error(err)
						return
					}
					counts[n].Add(1)
				}
			})
		}
		group.Wait()
		took := time.Since(start)
		least = 1 << 62
		var total int64
		for i := range counts {
			n := counts[i].Load()
			total += n
			least, most = min(least, n), max(most, n)
		}
		return float64(total) / took.Seconds(), least, most
	}
	calls(50, scope, read) // prepares every connection
	calls(50, scope, write)
	calls(50, pool, read)
	var few, many, together, bareFew, bareMany, fewWrites, manyWrites []float64
	var least, most, leastTogether, mostTogether int64
	for b.Loop() {
		rate, _, _ := calls(50, scope, read)
		few = append(few, rate)
		rate, l, m := calls(1000, scope, read)
		many = append(many, rate)
		least, most = least+l, most+m
		rate, l, m = calls(1000, pipeline, read)
		together = append(together, rate)
		leastTogether, mostTogether = leastTogether+l, mostTogether+m
		rate, _, _ = calls(50, pool, read)
		bareFew = append(bareFew, rate)
		rate, _, _ = calls(1000, pool, read)
		bareMany = append(bareMany, rate)
		rate, _, _ = calls(50, scope, write)
		fewWrites = append(fewWrites, rate)
		rate, _, _ = calls(1000, scope, write)
		manyWrites = append(manyWrites, rate)
	}
	sum := func(all []float64) (s float64) {
		for _, v := range all {
			s += v
		}
		return s
	}
	b.ReportMetric(sum(few)/float64(len(few)), "50-callers/s")
	b.ReportMetric(sum(many)/sum(few), "1000/50")
	b.ReportMetric(sum(together)/sum(few), "pipeline-1000/50")
	b.ReportMetric(float64(mostTogether)/float64(leastTogether), "pipeline-most/least-campaign")
	b.ReportMetric(sum(bareMany)/sum(bareFew), "bare-pool-1000/50")
	b.ReportMetric(sum(manyWrites)/sum(fewWrites), "writes-1000/50")
	b.ReportMetric(float64(most)/float64(least), "most/least-campaign")
	b.ReportMetric(0, "ns/op")
}
