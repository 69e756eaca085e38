package repository_test

import (
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
)

// campaignSeries returns the operations of every campaign that has a series.
func campaignSeries(t *testing.T, m *repository.RepositoryMetrics) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	require.NoError(t, err)
	series := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "ovasabi_campaign_operations_total" {
			for _, metric := range family.GetMetric() {
				series[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	return series
}

func TestCampaignsHaveSeriesUpToABound(t *testing.T) {
	f := newFixture(t)
	metrics, err := repository.NewRepositoryMetrics(repository.WithTopCampaigns(3))
	require.NoError(t, err)
	r := repository.NewEnhancedBaseRepository(f.scope, repository.Enhancements{Metrics: metrics})
	const campaigns, each, callers = 40, 5, 4
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for id := range campaigns {
				ctx := campaign.NewContext(f.one, campaign.ID(id+1))
				for range each {
					if _, err := r.Exec(ctx, renameEvents, id+1, ""); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	done.Wait()
	series := campaignSeries(t, metrics)
	require.Len(t, series, 4, "three campaigns and other")
	sum := 0.0
	for _, n := range series {
		sum += n
	}
	require.EqualValues(t, campaigns*each*callers, sum, "nothing is counted twice or lost")
	require.EqualValues(t, (campaigns-3)*each*callers, series["other"])

	_, err = repository.NewRepositoryMetrics(repository.WithTopCampaigns(-1))
	require.ErrorIs(t, err, fault.Invalid)
}

func TestTheBusiestCampaignsTakeThePlaces(t *testing.T) {
	clock := repository.NewTestClock()
	shares := repository.NewTestShares(2, clock)
	// The first two to come are quiet, among a crowd of other quiet ones.
	for id := range 100 {
		shares.Observe(campaign.ID(id+1), 1)
	}
	for range 50 {
		shares.Observe(901, 1000)
		shares.Observe(902, 1000)
	}
	require.Equal(t, []string{"1", "2", "other"}, shares.Labels())
	clock.NextRound()
	shares.Observe(50, 1) // the round ends with the next operation of another
	require.Equal(t, []string{"901", "902", "other"}, shares.Labels())
	require.LessOrEqual(t, shares.Sketched(), 8)
	// Nearly equals do not take turns.
	for range 50 {
		shares.Observe(901, 1000)
		shares.Observe(902, 1000)
		shares.Observe(903, 1500)
	}
	clock.NextRound()
	shares.Observe(50, 1)
	require.Equal(t, []string{"901", "902", "other"}, shares.Labels())
}
