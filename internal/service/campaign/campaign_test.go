package campaign_test

import (
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/structpb"

	campaignv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/campaign/v1/campaignv1connect"
	contentv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1"
	"github.com/ovasabi/ovasabi/api/gen/ovasabi/content/v1/contentv1connect"
	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
)

func as(t *testing.T, a *apitest.API, role token.Role, campaigns ...campaign.ID) campaignv1connect.CampaignServiceClient {
	t.Helper()
	return campaignv1connect.NewCampaignServiceClient(a.Client(t, a.Token(t, role, campaigns...)), a.URL, connect.WithGRPC())
}

func TestACampaignsLife(t *testing.T) {
	a := apitest.Start(t)
	operator := as(t, a, token.Operator)
	metadata, err := structpb.NewStruct(map[string]any{"region": "eu"})
	require.NoError(t, err)
	r, err := operator.CreateCampaign(t.Context(), connect.NewRequest(&campaignv1.CreateCampaignRequest{
		Slug: "spring-sale", Name: "Spring", Metadata: metadata, Limits: &campaignv1.CampaignLimits{MaxConcurrency: new(int32(5))},
	}))
	require.NoError(t, err)
	made := r.Msg.GetCampaign()
	id := campaign.ID(made.GetId())
	require.Equal(t, "active", made.GetStatus())
	require.Equal(t, int32(5), made.GetLimits().GetMaxConcurrency())
	require.Nil(t, made.GetLimits().MaxRate, "a limit that was not given is the platform's")

	_, err = operator.CreateCampaign(t.Context(), connect.NewRequest(&campaignv1.CreateCampaignRequest{Slug: "spring-sale", Name: "again"}))
	require.Equal(t, connect.CodeAlreadyExists, connect.CodeOf(err))
	require.ErrorContains(t, err, "slug: ")
	var campaigns int
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.service_campaign_main`).Scan(&campaigns))
	require.Equal(t, 1, campaigns, "a slug that is taken must leave no campaign behind")
	for _, slug := range []string{"", "Upper", "-a", "a-", "a b", strings.Repeat("a", 101), "ü"} {
		_, err = operator.CreateCampaign(t.Context(), connect.NewRequest(&campaignv1.CreateCampaignRequest{Slug: slug, Name: "n"}))
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), slug)
	}

	// An admin of it may rename it, once a version; its limits are not the admin's.
	admin, reader := as(t, a, token.Admin, id), as(t, a, token.Reader, id)
	name := "Spring 2026"
	changed, err := admin.UpdateCampaign(t.Context(), connect.NewRequest(&campaignv1.UpdateCampaignRequest{Version: 1, Name: &name}))
	require.NoError(t, err)
	require.Equal(t, name, changed.Msg.GetCampaign().GetName())
	require.Equal(t, "eu", changed.Msg.GetCampaign().GetMetadata().AsMap()["region"], "what is left out stays")
	_, err = admin.UpdateCampaign(t.Context(), connect.NewRequest(&campaignv1.UpdateCampaignRequest{Version: 1, Name: &name}))
	require.Equal(t, connect.CodeAborted, connect.CodeOf(err))
	_, err = reader.UpdateCampaign(t.Context(), connect.NewRequest(&campaignv1.UpdateCampaignRequest{Version: 2, Name: &name}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	_, err = admin.SetCampaignLimits(t.Context(), connect.NewRequest(&campaignv1.SetCampaignLimitsRequest{CampaignId: id.Int64(), Version: 2, Limits: &campaignv1.CampaignLimits{}}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	_, err = admin.CreateCampaign(t.Context(), connect.NewRequest(&campaignv1.CreateCampaignRequest{Slug: "mine", Name: "n"}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))

	// An operator, who does not hold it, may; each time the audit gains a row.
	before := crossings(t, a)
	limited, err := operator.SetCampaignLimits(t.Context(), connect.NewRequest(&campaignv1.SetCampaignLimitsRequest{
		CampaignId: id.Int64(), Version: 2, Limits: &campaignv1.CampaignLimits{MaxRate: new(2.5), StatementTimeoutMs: new(int32(100))},
	}))
	require.NoError(t, err)
	require.Nil(t, limited.Msg.GetCampaign().GetLimits().MaxConcurrency, "limits are replaced as a whole")
	require.InDelta(t, 2.5, limited.Msg.GetCampaign().GetLimits().GetMaxRate(), 0)
	require.Equal(t, before+1, crossings(t, a))
	_, err = operator.SetCampaignLimits(t.Context(), connect.NewRequest(&campaignv1.SetCampaignLimitsRequest{CampaignId: 999, Version: 1, Limits: &campaignv1.CampaignLimits{}}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))

	// Archiving twice, and restoring twice, are no errors and one change.
	for range 2 {
		archived, err := admin.ArchiveCampaign(t.Context(), connect.NewRequest(&campaignv1.ArchiveCampaignRequest{}))
		require.NoError(t, err)
		require.Equal(t, "archived", archived.Msg.GetCampaign().GetStatus())
		require.Equal(t, int64(4), archived.Msg.GetCampaign().GetVersion())
	}
	list, err := reader.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{Status: "active"}))
	require.NoError(t, err)
	require.Empty(t, list.Msg.GetCampaigns())
	_, err = admin.RestoreCampaign(t.Context(), connect.NewRequest(&campaignv1.RestoreCampaignRequest{CampaignId: id.Int64()}))
	require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err))
	restored, err := operator.RestoreCampaign(t.Context(), connect.NewRequest(&campaignv1.RestoreCampaignRequest{CampaignId: id.Int64()}))
	require.NoError(t, err)
	require.Equal(t, "active", restored.Msg.GetCampaign().GetStatus())
}

func crossings(t *testing.T, a *apitest.API) (n int) {
	t.Helper()
	require.NoError(t, a.DB.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM ovasabi.campaign_crossing`).Scan(&n))
	return n
}

func TestUsageCountsOneCampaign(t *testing.T) {
	a := apitest.Start(t)
	ours, others := a.Campaign(t, "ours"), a.Campaign(t, "others")
	for i, id := range []campaign.ID{ours, others, others} {
		client := contentv1connect.NewContentServiceClient(a.Client(t, a.Token(t, token.Writer, id)), a.URL)
		_, err := client.CreateContent(t.Context(), connect.NewRequest(&contentv1.CreateContentRequest{Content: &contentv1.NewContent{
			Slug: string(rune('a' + i)), Title: "t", Body: strings.Repeat("x", 1000),
		}}))
		require.NoError(t, err)
	}
	for _, client := range []campaignv1connect.CampaignServiceClient{as(t, a, token.Reader, ours), as(t, a, token.Operator)} {
		usage, err := client.GetCampaignUsage(t.Context(), connect.NewRequest(&campaignv1.GetCampaignUsageRequest{CampaignId: ours.Int64()}))
		require.NoError(t, err)
		require.Len(t, usage.Msg.GetTables(), 4)
		content := usage.Msg.GetTables()[0]
		require.Equal(t, "service_content_main", content.GetTable())
		require.Equal(t, int64(1), content.GetRows())
		require.Positive(t, content.GetBytesEstimated())
		require.Zero(t, usage.Msg.GetTables()[1].GetRows())
		require.Positive(t, usage.Msg.GetStatements())
		require.LessOrEqual(t, usage.Msg.GetPoolShare(), 1.0)
	}
}

// A list of many campaigns is one round trip, and pages like a short one.
func TestAListPagesThroughItsCampaigns(t *testing.T) {
	a := apitest.Start(t)
	var ids []campaign.ID
	for i := range 25 {
		ids = append(ids, a.Campaign(t, "c"+strings.Repeat("x", i)))
	}
	gone := slices.Concat(ids[:20], []campaign.ID{999}) // one that does not exist is left out
	for role, held := range map[token.Role][]campaign.ID{token.Reader: gone, token.Operator: nil} {
		client := as(t, a, role, held...)
		var listed []campaign.ID
		r := &campaignv1.ListCampaignsRequest{PageSize: 7, All: role == token.Operator}
		for pages := 1; ; pages++ {
			require.LessOrEqual(t, pages, 4)
			page, err := client.ListCampaigns(t.Context(), connect.NewRequest(r))
			require.NoError(t, err)
			for _, c := range page.Msg.GetCampaigns() {
				listed = append(listed, campaign.ID(c.GetId()))
			}
			if r.PageToken = page.Msg.GetNextPageToken(); r.GetPageToken() == "" {
				break
			}
		}
		want := ids
		if role == token.Reader {
			want = ids[:20]
		}
		require.Equal(t, want, listed)
		page, err := client.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{PageSize: 7}))
		require.NoError(t, err)
		if next := page.Msg.GetNextPageToken(); next != "" {
			_, err = client.ListCampaigns(t.Context(), connect.NewRequest(&campaignv1.ListCampaignsRequest{Status: "active", PageToken: next}))
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
		}
	}
}
