package monitoring_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

func TestASourcesFindingsAreInTheSnapshotAndTheMetrics(t *testing.T) {
	db := pgtest.New(t)
	f := monitoring.Finding{ID: "index_corrupt", Severity: "error", Object: "ovasabi.some_index", Evidence: "misses a row", Remedy: "REINDEX"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	source := monitoring.SourceFunc("watch", func() ([]monitoring.Finding, time.Time) { return []monitoring.Finding{f, f}, at })
	c := collector(t, db.Monitor(t), monitoring.Options{Sources: []monitoring.FindingSource{source}})
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.Contains(t, s.Findings, f)
	require.Equal(t, []monitoring.SourceLook{{Source: "watch", LookedAt: at}}, s.Sources)
	figures := figuresOf(t, c, monitoring.NewExporter(c))
	require.Contains(t, figures, "ovasabi_findings")
}
