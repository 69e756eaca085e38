package dashboard_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/token"
)

func TestOnlyOperatorsSeeThePage(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	for _, path := range []string{"/", "/dashboard/", "/dashboard/series", "/dashboard/live/overview", "/dashboard/assets/x/app.css"} {
		status, body := s.get(t, "", path)
		require.Equal(t, http.StatusUnauthorized, status, path)
		require.NotContains(t, body, "Aurora", path)
		status, _ = s.get(t, s.token(t, token.Admin, ids...), path)
		require.NotEqual(t, http.StatusOK, status, path)
	}
}

func TestOverviewShowsWhatIsThere(t *testing.T) {
	s := start(t)
	ids := s.fill(t)
	latest := s.collected(t)
	operator := s.token(t, token.Operator, ids...)
	status, body := s.get(t, operator, "/dashboard/")
	require.Equal(t, http.StatusOK, status)
	for _, want := range []string{
		"PostgreSQL " + latest.Server.Version, latest.Server.IOMethod, "Aurora Outfitters", "Borealis Press",
		"A winter on the ridge, part 2", "content:publish:v1:success", ">300<", ">60<",
	} {
		require.Contains(t, body, want)
	}
	status, body = s.get(t, operator, query1("/dashboard/", "campaign", ids[1].String(), "q", "wool"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<mark>wool</mark>")
	require.NotContains(t, body, "Packing for the fells")
}
