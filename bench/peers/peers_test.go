package peers_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/bench/peers"
	"github.com/ovasabi/ovasabi/internal/bench"
)

// TestPeersDoTheSameWorkInTheSameRun runs what there is for them in tiny sizes. Run
// fails where a peer stores or returns other rows than the product does.
func TestPeersDoTheSameWorkInTheSameRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	report, err := bench.Run(ctx, bench.Options{
		Short: true, WorkDir: passable(t), Peers: peers.All(), Scenarios: []string{"bulk_insert", "overhead"},
	}, nil)
	require.NoError(t, err)
	for _, s := range report.Scenarios {
		for _, p := range peers.All() {
			v, ok := s.Variants[p.Name]
			if p.Name == "river" && s.Name == "overhead" { // it reads nothing
				require.False(t, ok)
				continue
			}
			require.True(t, ok, "%s is not in %s", p.Name, s.Name)
			require.True(t, slices.Contains(s.Order, p.Name))
			require.Positive(t, v.Operations)
			require.Zero(t, v.Errors)
		}
	}
}

// passable is a folder that the server's user may enter when the test runs as root.
func passable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	return dir
}
