package campaign_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// pipelined sends the statements in one pipeline and returns the first value of each.
func pipelined(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch, statements ...string) (values []string, err error) {
	p := conn.PgConn().StartPipeline(ctx)
	for _, q := range enter.QueuedQueries {
		var arguments [][]byte
		for _, argument := range q.Arguments {
			arguments = append(arguments, []byte(argument.(string)))
		}
		p.SendQueryParams(q.SQL, arguments, nil, nil, nil)
	}
	for _, sql := range statements {
		p.SendQueryParams(sql, nil, nil, nil, nil)
	}
	if err := p.Sync(); err != nil {
		return nil, err
	}
	for range len(enter.QueuedQueries) + len(statements) {
		results, err := p.GetResults()
		if err != nil {
			_ = p.Close()
			return nil, err
		}
		reader := results.(*pgconn.ResultReader)
		value := ""
		for reader.NextRow() {
			value = string(reader.Values()[0])
		}
		if _, err := reader.Close(); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, p.Close()
}

const countContent = `SELECT count(*) FROM ovasabi.service_content_main`

func TestALentConnectionIsInTheCampaignOnceItHasEntered(t *testing.T) {
	s, ctx, pool, wire := single(t)
	id, err := campaign.FromContext(ctx)
	require.NoError(t, err)
	var row int64
	require.NoError(t, s.QueryRow(ctx, insertContent, id.Int64(), "one").Scan(&row))
	lent := func(enter bool, statements ...string) (values []string) {
		require.NoError(t, s.Lend(ctx, database.AutoPlan, func(ctx context.Context, conn *pgx.Conn, entry *pgx.Batch) error {
			if !enter {
				entry = &pgx.Batch{}
			}
			values, err = pipelined(ctx, conn, entry, statements...)
			return err
		}))
		return values
	}
	before := wire.RoundTrips()
	require.Equal(t, []string{id.String(), "1"}, lent(true, countContent))
	require.EqualValues(t, 1, wire.RoundTrips()-before)
	other := newCampaign(t, s, "b")
	err = s.Lend(ctx, database.AutoPlan, func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) error {
		_, err := pipelined(ctx, conn, enter, fmt.Sprintf(`
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title)
VALUES (%d, 'smuggled', 'smuggled')`, other))
		return err
	})
	require.ErrorIs(t, fault.FromPostgres(err), fault.Denied)
	require.Equal(t, []string{"0"}, lent(false, countContent), "the scope ended with the pipeline")
	require.EqualValues(t, 1, pool.Stat().NewConnsCount(), "the connection was given back whole")
}

func TestWithoutACampaignNothingIsLent(t *testing.T) {
	s, _, pool, _ := single(t)
	before := pool.Stat().AcquireCount()
	require.ErrorIs(t, s.Lend(t.Context(), database.AutoPlan, func(context.Context, *pgx.Conn, *pgx.Batch) error {
		t.Error("a connection was lent")
		return nil
	}), fault.NoCampaign)
	require.Equal(t, before, pool.Stat().AcquireCount())
}

// A place that was not given back would keep the next call waiting.
func TestALentConnectionIsReplacedWhenItIsLeftAmidSomething(t *testing.T) {
	s, a, _ := admitted(t, campaign.AdmissionConfig{Capacity: 1})
	id := newCampaign(t, s, "a")
	ctx := campaign.NewContext(t.Context(), id)
	leave := func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) {
		p := conn.PgConn().StartPipeline(ctx)
		p.SendQueryParams(enter.QueuedQueries[0].SQL, [][]byte{[]byte(id.String())}, nil, nil, nil)
		require.NoError(t, p.Flush())
	}
	for range 3 {
		require.NoError(t, s.Lend(ctx, database.AutoPlan, func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) error {
			require.Equal(t, 1, load(a, id).Running)
			leave(ctx, conn, enter)
			return nil
		}))
		require.Zero(t, load(a, id).Running)
		require.Panics(t, func() {
			_ = s.Lend(ctx, database.AutoPlan, func(ctx context.Context, conn *pgx.Conn, enter *pgx.Batch) error {
				leave(ctx, conn, enter)
				panic("of the caller")
			})
		})
		require.Zero(t, load(a, id).Running)
		require.Zero(t, count(t, s, ctx))
	}
}
