package monitoring_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

func TestMasked(t *testing.T) {
	for from, to := range map[string]string{
		`SELECT 'x' FROM t WHERE a = 12.5e3`:           `SELECT ? FROM t WHERE a = ?`,
		`SELECT $1, $12::bigint FROM t1`:               `SELECT $1, $12::bigint FROM t1`,
		`SELECT 'it''s', E'a\'b', n.col_2`:             `SELECT ?, E?, n.col_2`,
		`SELECT $tag$ secret ' $tag$, $$x$$, "na'me"`:  `SELECT ?, ?, "na'me"`,
		`SELECT 'cut off in the mid`:                   `SELECT ?`,
		"SELECT a -- don't\n, 'b' /* it's /* in */ */": "SELECT a -- don't\n, ? /* it's /* in */ */",
		`SELECT "unclosed`:                             `SELECT "unclosed`,
		``:                                             ``,
	} {
		require.Equal(t, to, monitoring.Masked(from))
	}
}

// Whatever surrounds it, a value in a quoted constant does not come through.
func TestMaskedHidesEveryQuotedValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SampledFrom([]string{"SELECT ", "SELECT a, ", "/* it's */ SELECT ", "-- don't\nSELECT ", `SELECT "it's", `, "SELECT $1, ", "SELECT $$x'$$, "}).Draw(t, "before")
		value := rapid.StringMatching(`[a-zA-Z0-9 ";$\\-]{0,20}`).Draw(t, "value")
		after := rapid.SampledFrom([]string{"", " FROM t", ", 'other'", "; SELECT 2"}).Draw(t, "after")
		masked := monitoring.Masked(before + "'hidden" + strings.ReplaceAll(value, "'", "''") + "hidden'" + after)
		if strings.Contains(masked, "hidden") {
			t.Fatalf("the value came through: %s", masked)
		}
	})
}
