package server_test

import (
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	campaignv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1/campaignv1connect"
	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1/contentv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
)

const (
	listContent   = contentv1connect.ContentServiceListContentProcedure
	getContent    = contentv1connect.ContentServiceGetContentProcedure
	listCampaigns = campaignv1connect.CampaignServiceListCampaignsProcedure
)

func TestWithoutATokenOnlyHealthAnswers(t *testing.T) {
	a := apitest.Start(t)
	for path, status := range map[string]int{
		"/healthz": 200, "/readyz": 200,
		"/metrics": 401, "/openapi.json": 401, "/docs/": 401, "/docs/docs.js": 401, "/nothing": 404,
	} {
		got := send(t, http.MethodGet, a.URL+path, "")
		require.Equal(t, status, got.status, "%s: %s", path, got.body)
		require.NotEmpty(t, got.header.Get("X-Request-Id"))
		got.json(t)
	}
	for _, procedure := range []string{listContent, listCampaigns} {
		require.Equal(t, 401, call(t, a.URL, "", procedure, "{}").status)
	}
	for _, version := range []string{"v1", "v1alpha"} {
		stream := grpcreflect.NewClient(a.Client(t, ""), a.URL, connect.WithGRPC()).NewStream(t.Context())
		_, err := stream.ListServices()
		require.Equal(t, connect.CodeUnauthenticated, connect.CodeOf(err), version)
		_, err = stream.Close()
		require.Error(t, err)
	}
	health := call(t, a.URL, "", "/grpc.health.v1.Health/Check", `{}`)
	require.Equal(t, 200, health.status, health.body)
	require.Contains(t, health.body, `SERVING`)
	require.NotContains(t, health.body, `NOT_SERVING`)
	unknown := call(t, a.URL, "", "/grpc.health.v1.Health/Check", `{"service":"some.Other"}`)
	require.Equal(t, 404, unknown.status)
}

func TestTokensOverHTTP(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	good := a.Token(t, token.Reader, one)
	require.Equal(t, 200, call(t, a.URL, good, listContent, "{}").status)

	bad := call(t, a.URL, good+"x", listContent, "{}")
	require.Equal(t, 401, bad.status)
	require.Contains(t, bad.body, "not signed by a key of this server")
	require.NotContains(t, a.Log.String(), good[:40], "a token must not be logged")

	created, err := a.Keys.Create(token.Grant{Subject: "s", Role: token.Reader, Campaigns: nil, TTL: time.Hour})
	require.Error(t, err)
	require.Zero(t, created)

	low := call(t, a.URL, good, contentv1connect.ContentServiceCreateContentProcedure, "{}")
	require.Equal(t, 403, low.status)
	require.Contains(t, low.body, "needs a token of the role writer; yours is reader")
}

// What a request names is judged, never ignored, for every service that takes a campaign_id.
func TestAnotherCampaignIsRefused(t *testing.T) {
	a := apitest.Start(t)
	one, two, other := a.Campaign(t, "one"), a.Campaign(t, "two"), a.Campaign(t, "other")
	both, single := a.Token(t, token.Admin, one, two), a.Token(t, token.Admin, one)
	for _, procedure := range []string{
		listContent, "/ovasabi.nexus.v1.NexusService/ListEvents", "/ovasabi.content.v1.ContentService/ListContentTags",
		"/ovasabi.campaign.v1.CampaignService/GetCampaign", "/ovasabi.campaign.v1.CampaignService/GetCampaignUsage",
		"/ovasabi.campaign.v1.CampaignService/ArchiveCampaign",
	} {
		foreign := call(t, a.URL, single, procedure, `{"campaign_id": `+other.String()+`}`)
		require.Equal(t, 403, foreign.status, "%s: %s", procedure, foreign.body)
		require.Contains(t, foreign.body, "campaign_id: the token does not hold this campaign")
		nobody := call(t, a.URL, single, procedure, `{"campaign_id": 999999}`)
		require.Equal(t, 403, nobody.status, "one that does not exist looks the same")
		which := call(t, a.URL, both, procedure, `{}`)
		require.Equal(t, 400, which.status, "%s: %s", procedure, which.body)
		require.Contains(t, which.body, "campaign_id: must name one of the 2 campaigns")
		good := call(t, a.URL, both, procedure, `{"campaign_id": "`+two.String()+`"}`)
		require.Equal(t, 200, good.status, "%s\n%s", good.body, a.Log)
		require.Equal(t, 400, call(t, a.URL, both, procedure, `{"campaign_id": -1}`).status)
	}
	var archived int
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(),
		`SELECT count(*) FROM ovasabi.service_campaign_main WHERE status = 'archived' AND id <> $1`, two.Int64()).Scan(&archived))
	require.Zero(t, archived)
}

func TestATokenHasItsRate(t *testing.T) {
	a := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) { c.RatePerToken, c.RateBurst = 0.5, 3 })
	one := a.Campaign(t, "one")
	client := contentv1connect.NewContentServiceClient(a.Client(t, a.Token(t, token.Reader, one)), a.URL, connect.WithGRPC())
	for range 3 {
		_, err := client.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{}))
		require.NoError(t, err)
	}
	_, err := client.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{}))
	require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
	pause := detail[*errdetails.RetryInfo](t, err).GetRetryDelay().AsDuration()
	require.Positive(t, pause)
	require.LessOrEqual(t, pause, 2*time.Second)

	// Another token has its own.
	_, err = contentv1connect.NewContentServiceClient(a.Client(t, a.Token(t, token.Reader, one)), a.URL).
		ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{}))
	require.NoError(t, err)
}

func TestAServiceThatForgotWhoMayCallIsRefused(t *testing.T) {
	a := apitest.Start(t)
	ring, err := token.NewRing(token.Config{Keys: mustKeys(t)}, quiet)
	require.NoError(t, err)
	for _, service := range []server.Service{
		{Name: contentv1connect.ContentServiceName, Access: map[string]token.Access{getContent: {Role: token.Reader}}},
		{Name: "ovasabi.content.v1.NoService"},
	} {
		_, err = server.New(server.DefaultConfig(), server.Dependencies{
			Log: quiet, Registry: newRegistry(), Ring: ring, Revocations: a.Revocations,
			Services: []server.Service{service},
		})
		require.Error(t, err)
	}
}

func TestMetricsDoor(t *testing.T) {
	secret := writeFile(t, "0123456789abcdef\n")
	a := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) { c.MetricsTokenFile = secret })
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"nobody": {"", 401}, "a wrong secret": {"0123456789abcdeg", 401}, "the secret": {"0123456789abcdef", 200},
		"a reader": {a.Token(t, token.Reader, 1), 403}, "an operator": {a.Token(t, token.Operator), 200},
	} {
		got := send(t, http.MethodGet, a.URL+"/metrics", "", "Authorization", "Bearer "+c.token)
		require.Equal(t, c.status, got.status, "%s: %s", name, got.body)
	}
	call(t, a.URL, a.Token(t, token.Operator), listCampaigns, "{}")
	call(t, a.URL, "", listCampaigns, "{}")
	got := send(t, http.MethodGet, a.URL+"/metrics", "", "Authorization", "Bearer 0123456789abcdef")
	require.Contains(t, got.body, `ovasabi_rpc_duration_seconds_count{code="ok",procedure="/ovasabi.campaign.v1.CampaignService/ListCampaigns"} 1`)
	require.Contains(t, got.body, `ovasabi_rpc_duration_seconds_count{code="unauthenticated",procedure="/ovasabi.campaign.v1.CampaignService/ListCampaigns"} 1`)

	b := apitest.Start(t, func(c *server.Config, _ *server.Dependencies) { c.MetricsLoopback = true })
	require.Equal(t, 200, send(t, http.MethodGet, b.URL+"/metrics", "").status)
	require.Equal(t, 401, send(t, http.MethodGet, b.URL+"/metrics", "", "X-Forwarded-For", "203.0.113.9").status)
}

func TestAnOperatorSeesEveryCampaignAndSaysWhy(t *testing.T) {
	a := apitest.Start(t)
	one, two := a.Campaign(t, "one"), a.Campaign(t, "two")
	a.Campaign(t, "three")
	reader := campaignv1connect.NewCampaignServiceClient(a.Client(t, a.Token(t, token.Reader, one, two)), a.URL, connect.WithGRPC())
	r, err := reader.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{PageSize: 1}))
	require.NoError(t, err)
	require.Len(t, r.Msg.GetCampaigns(), 1)
	require.Equal(t, "one", r.Msg.GetCampaigns()[0].GetSlug())
	r, err = reader.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{PageSize: 1, PageToken: r.Msg.GetNextPageToken()}))
	require.NoError(t, err)
	require.Equal(t, "two", r.Msg.GetCampaigns()[0].GetSlug())
	require.Empty(t, r.Msg.GetNextPageToken())
	_, err = reader.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{All: true}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	require.Zero(t, crossings(t, a))

	operator := campaignv1connect.NewCampaignServiceClient(a.Client(t, a.Token(t, token.Operator)), a.URL)
	r, err = operator.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{All: true}))
	require.NoError(t, err)
	require.Len(t, r.Msg.GetCampaigns(), 3)
	require.Equal(t, 1, crossings(t, a))
	var reason string
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `SELECT reason FROM ovasabi.campaign_crossing`).Scan(&reason))
	require.Contains(t, reason, "operator test operator (token ")
}

func crossings(t *testing.T, a *apitest.API) (n int) {
	t.Helper()
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.campaign_crossing`).Scan(&n))
	return n
}
