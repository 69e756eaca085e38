package monitoring_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

type told []monitoring.Finding

func (t told) Findings() []monitoring.Finding { return t }

func TestASourcesFindingsAreInTheSnapshotAndTheMetrics(t *testing.T) {
	db := pgtest.New(t)
	f := monitoring.Finding{ID: "index_corrupt", Severity: "error", Object: "ovasabi.some_index", Evidence: "misses a row", Remedy: "REINDEX"}
	c := collector(t, db.Monitor(t), monitoring.Options{Sources: []monitoring.FindingSource{told{f, f}}})
	s, err := c.Collect(t.Context())
	require.NoError(t, err)
	require.Contains(t, s.Findings, f)
	figures := figuresOf(t, c, monitoring.NewExporter(c))
	require.Contains(t, figures, "ovasabi_findings")
}
