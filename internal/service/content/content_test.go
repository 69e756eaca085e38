package content_test

import (
	"fmt"
	"sync"
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
)

type client struct {
	contentv1connect.ContentServiceClient
	t *testing.T
}

// start returns a writer's client of one campaign, and of another whose rows must never show.
func start(t *testing.T) (a *apitest.API, ours, others client) {
	t.Helper()
	a = apitest.Start(t)
	of := func(slug string) client {
		id := a.Campaign(t, slug)
		return client{contentv1connect.NewContentServiceClient(a.Client(t, a.Token(t, token.Admin, id)), a.URL, connect.WithGRPC()), t}
	}
	return a, of("ours"), of("others")
}

func (c client) create(n *contentv1.NewContent) *contentv1.Content {
	c.t.Helper()
	r, err := c.CreateContent(c.t.Context(), connect.NewRequest(&contentv1.CreateContentRequest{Content: n}))
	require.NoError(c.t, err)
	return r.Msg.GetContent()
}

func (c client) list(r *contentv1.ListContentRequest) ([]string, string) {
	c.t.Helper()
	page, err := c.ListContent(c.t.Context(), connect.NewRequest(r))
	require.NoError(c.t, err)
	var slugs []string
	for _, m := range page.Msg.GetContents() {
		slugs = append(slugs, m.GetSlug())
	}
	return slugs, page.Msg.GetNextPageToken()
}

func (c client) search(r *contentv1.SearchContentRequest) []string {
	c.t.Helper()
	page, err := c.SearchContent(c.t.Context(), connect.NewRequest(r))
	require.NoError(c.t, err)
	var slugs []string
	for _, h := range page.Msg.GetHits() {
		slugs = append(slugs, h.GetContent().GetSlug())
	}
	return slugs
}

func TestADocumentsLife(t *testing.T) {
	_, ours, others := start(t)
	metadata, err := structpb.NewStruct(map[string]any{"author": "ada", "deep": map[string]any{"n": 1.5, "list": []any{true, nil}}})
	require.NoError(t, err)
	made := ours.create(&contentv1.NewContent{Slug: "guides/a", Title: "A guide", Body: "grüße", Tags: []string{"b", "a"}, Metadata: metadata})
	require.Equal(t, "draft", made.GetStatus())
	require.Equal(t, int32(7), made.GetBodyBytes())
	require.Equal(t, int64(1), made.GetVersion())
	require.Equal(t, []string{"b", "a"}, made.GetTags())
	require.Equal(t, metadata.AsMap(), made.GetMetadata().AsMap())

	for _, key := range []*contentv1.GetContentRequest{
		{Key: &contentv1.GetContentRequest_Id{Id: made.GetId()}}, {Key: &contentv1.GetContentRequest_Slug{Slug: "guides/a"}},
	} {
		got, err := ours.GetContent(t.Context(), connect.NewRequest(key))
		require.NoError(t, err)
		require.Equal(t, made.String(), got.Msg.GetContent().String())
		_, err = others.GetContent(t.Context(), connect.NewRequest(key))
		require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	}

	_, err = ours.CreateContent(t.Context(), connect.NewRequest(&contentv1.CreateContentRequest{Content: &contentv1.NewContent{Slug: "guides/a", Title: "again"}}))
	require.Equal(t, connect.CodeAlreadyExists, connect.CodeOf(err))
	require.ErrorContains(t, err, "slug: ")
	others.create(&contentv1.NewContent{Slug: "guides/a", Title: "the same slug in another campaign"})

	title := "A better guide"
	changed, err := ours.UpdateContent(t.Context(), connect.NewRequest(&contentv1.UpdateContentRequest{Id: made.GetId(), Version: 1, Title: &title, Tags: &contentv1.TagList{}}))
	require.NoError(t, err)
	require.Equal(t, title, changed.Msg.GetContent().GetTitle())
	require.Equal(t, "grüße", changed.Msg.GetContent().GetBody(), "what is left out stays")
	require.Empty(t, changed.Msg.GetContent().GetTags())
	require.Equal(t, int64(2), changed.Msg.GetContent().GetVersion())

	_, err = ours.UpdateContent(t.Context(), connect.NewRequest(&contentv1.UpdateContentRequest{Id: made.GetId(), Version: 1, Title: &title}))
	require.Equal(t, connect.CodeAborted, connect.CodeOf(err))
	_, err = ours.UpdateContent(t.Context(), connect.NewRequest(&contentv1.UpdateContentRequest{Id: 999, Version: 1, Title: &title}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	_, err = others.DeleteContent(t.Context(), connect.NewRequest(&contentv1.DeleteContentRequest{Id: made.GetId()}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	_, err = ours.DeleteContent(t.Context(), connect.NewRequest(&contentv1.DeleteContentRequest{Id: made.GetId(), Version: 1}))
	require.Equal(t, connect.CodeAborted, connect.CodeOf(err))
	_, err = ours.DeleteContent(t.Context(), connect.NewRequest(&contentv1.DeleteContentRequest{Id: made.GetId(), Version: 2}))
	require.NoError(t, err)
	_, err = ours.DeleteContent(t.Context(), connect.NewRequest(&contentv1.DeleteContentRequest{Id: made.GetId()}))
	require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
}

// Of many who change one version at once exactly one may win.
func TestOneOfManyUpdatesWins(t *testing.T) {
	_, ours, _ := start(t)
	made := ours.create(&contentv1.NewContent{Slug: "a", Title: "a"})
	const callers = 20
	codes := make([]connect.Code, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			title := fmt.Sprint("by ", i)
			_, err := ours.UpdateContent(t.Context(), connect.NewRequest(&contentv1.UpdateContentRequest{Id: made.GetId(), Version: 1, Title: &title}))
			if err != nil {
				codes[i] = connect.CodeOf(err)
			}
		})
	}
	all.Wait()
	won := 0
	for _, code := range codes {
		if code == 0 {
			won++
			continue
		}
		require.Equal(t, connect.CodeAborted, code)
	}
	require.Equal(t, 1, won)
}

func TestAnArchivedCampaignIsReadOnly(t *testing.T) {
	a, ours, _ := start(t)
	made := ours.create(&contentv1.NewContent{Slug: "a", Title: "a"})
	operator := campaignv1connect.NewCampaignServiceClient(a.Client(t, a.Token(t, token.Operator)), a.URL)
	_, err := operator.ArchiveCampaign(t.Context(), connect.NewRequest(&campaignv1.ArchiveCampaignRequest{CampaignId: made.GetCampaignId()}))
	require.NoError(t, err)

	title := "b"
	_, createErr := ours.CreateContent(t.Context(), connect.NewRequest(&contentv1.CreateContentRequest{Content: &contentv1.NewContent{Slug: "b", Title: "b"}}))
	_, batchErr := ours.BatchCreateContent(t.Context(), connect.NewRequest(&contentv1.BatchCreateContentRequest{Contents: []*contentv1.NewContent{{Slug: "a", Title: "a"}, {Slug: "b", Title: "b"}}}))
	_, updateErr := ours.UpdateContent(t.Context(), connect.NewRequest(&contentv1.UpdateContentRequest{Id: made.GetId(), Version: 1, Title: &title}))
	_, deleteErr := ours.DeleteContent(t.Context(), connect.NewRequest(&contentv1.DeleteContentRequest{Id: made.GetId()}))
	for _, err := range []error{createErr, batchErr, updateErr, deleteErr} {
		require.Equal(t, connect.CodePermissionDenied, connect.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, "archived")
	}
	slugs, _ := ours.list(&contentv1.ListContentRequest{})
	require.Equal(t, []string{"a"}, slugs)

	_, err = operator.RestoreCampaign(t.Context(), connect.NewRequest(&campaignv1.RestoreCampaignRequest{CampaignId: made.GetCampaignId()}))
	require.NoError(t, err)
	ours.create(&contentv1.NewContent{Slug: "b", Title: "b"})
}

func TestABatchMaySafelyBeSentAgain(t *testing.T) {
	_, ours, _ := start(t)
	batch := func(slugs ...string) *contentv1.BatchCreateContentResponse {
		r := &contentv1.BatchCreateContentRequest{}
		for _, slug := range slugs {
			r.Contents = append(r.Contents, &contentv1.NewContent{Slug: slug, Title: slug, Tags: []string{"x"}})
		}
		answer, err := ours.BatchCreateContent(t.Context(), connect.NewRequest(r))
		require.NoError(t, err)
		return answer.Msg
	}
	first := batch("c", "a", "b")
	require.Equal(t, int32(3), first.GetCreated())
	second := batch("b", "new", "c")
	require.Equal(t, int32(1), second.GetCreated())
	require.Equal(t, first.GetResults()[2].GetId(), second.GetResults()[0].GetId())
	require.Equal(t, first.GetResults()[0].GetId(), second.GetResults()[2].GetId())
	require.True(t, second.GetResults()[1].GetCreated())

	_, err := ours.BatchCreateContent(t.Context(), connect.NewRequest(&contentv1.BatchCreateContentRequest{Contents: []*contentv1.NewContent{
		{Slug: "d", Title: "d"}, {Slug: "e", Title: ""},
	}}))
	require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
	require.ErrorContains(t, err, "contents[1].title")
	_, err = ours.BatchCreateContent(t.Context(), connect.NewRequest(&contentv1.BatchCreateContentRequest{Contents: []*contentv1.NewContent{
		{Slug: "d", Title: "d"}, {Slug: "d", Title: "d"},
	}}))
	require.ErrorContains(t, err, "a slug may stand in a batch once")
	slugs, _ := ours.list(&contentv1.ListContentRequest{})
	require.ElementsMatch(t, []string{"a", "b", "c", "new"}, slugs)
}

// Overlapping batches from many callers at once: no error, and every document made once.
func TestOverlappingBatchesMeet(t *testing.T) {
	_, ours, _ := start(t)
	const callers, size = 8, 50
	made := make([]int32, callers)
	errs := make([]error, callers)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			r := &contentv1.BatchCreateContentRequest{}
			for i := range size {
				slug := fmt.Sprint("s", (i*7+c*3)%size)
				r.Contents = append(r.Contents, &contentv1.NewContent{Slug: slug, Title: slug})
			}
			answer, err := ours.BatchCreateContent(t.Context(), connect.NewRequest(r))
			if errs[c] = err; err == nil {
				made[c] = answer.Msg.GetCreated()
				for _, result := range answer.Msg.GetResults() {
					if result.GetId() == 0 {
						errs[c] = fmt.Errorf("a result without an id")
					}
				}
			}
		})
	}
	all.Wait()
	total := int32(0)
	for c := range callers {
		require.NoError(t, errs[c])
		total += made[c]
	}
	require.Equal(t, int32(size), total)
}

func TestListsPageStably(t *testing.T) {
	a, ours, others := start(t)
	statuses := []string{"draft", "review", "published", "archived"}
	for i := range 40 {
		ours.create(&contentv1.NewContent{Slug: fmt.Sprintf("d%02d", i), Title: "t", Status: statuses[i%4]})
	}
	others.create(&contentv1.NewContent{Slug: "foreign", Title: "t", Status: "published"})
	// Equal times, so that only the id tells rows apart.
	_, err := a.DB.Owner(t).Exec(t.Context(), `
UPDATE ovasabi.service_content_main SET created_at = date_trunc('day', created_at) + (id / 10) * interval '1 second'`)
	require.NoError(t, err)

	for _, want := range [][]string{{"published"}, {"review", "published"}, nil} {
		whole, next := ours.list(&contentv1.ListContentRequest{Statuses: want, PageSize: 500})
		require.Empty(t, next)
		var paged []string
		var late int64
		r := &contentv1.ListContentRequest{Statuses: want, PageSize: 7}
		for pages := 0; ; pages++ {
			require.Less(t, pages, 20)
			slugs, next := ours.list(r)
			paged = append(paged, slugs...)
			if pages == 1 { // what comes meanwhile moves no later page
				late = ours.create(&contentv1.NewContent{Slug: "late", Title: "t", Status: "published"}).GetId()
			}
			if next == "" {
				break
			}
			r.PageToken = next
		}
		require.Equal(t, whole, paged)
		_, err := ours.DeleteContent(t.Context(), connect.NewRequest(&contentv1.DeleteContentRequest{Id: late}))
		require.NoError(t, err)
	}
}

// A page token opens the list that made it, and nothing else.
func TestATokenOfAnotherListIsRefused(t *testing.T) {
	_, ours, others := start(t)
	for i := range 3 {
		ours.create(&contentv1.NewContent{Slug: fmt.Sprint(i), Title: "word", Status: "published"})
		others.create(&contentv1.NewContent{Slug: fmt.Sprint(i), Title: "word", Status: "published"})
	}
	_, good := ours.list(&contentv1.ListContentRequest{Statuses: []string{"published", "draft"}, PageSize: 1})
	require.NotEmpty(t, good)
	// The same set in another order, and another size, are the same list.
	_, next := ours.list(&contentv1.ListContentRequest{Statuses: []string{"draft", "published"}, PageSize: 2, PageToken: good})
	require.Empty(t, next)

	search, err := ours.SearchContent(t.Context(), connect.NewRequest(&contentv1.SearchContentRequest{Query: "word", PageSize: 1}))
	require.NoError(t, err)
	for name, try := range map[string]func() error{
		"other statuses": func() error {
			_, err := ours.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{PageToken: good}))
			return err
		},
		"another campaign": func() error {
			_, err := others.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{Statuses: []string{"published", "draft"}, PageToken: good}))
			return err
		},
		"a search's": func() error {
			_, err := ours.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{PageToken: search.Msg.GetNextPageToken()}))
			return err
		},
		"another search's": func() error {
			_, err := ours.SearchContent(t.Context(), connect.NewRequest(&contentv1.SearchContentRequest{Query: "words", PageToken: search.Msg.GetNextPageToken()}))
			return err
		},
		"made up": func() error {
			_, err := ours.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{PageToken: "AAAA"}))
			return err
		},
		"changed": func() error {
			_, err := ours.ListContent(t.Context(), connect.NewRequest(&contentv1.ListContentRequest{Statuses: []string{"published", "draft"}, PageToken: "B" + good[1:]}))
			return err
		},
	} {
		err := try()
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), name)
		require.ErrorContains(t, err, "page_token: does not belong to this list", name)
	}
}

func TestSearchTakesWhatPeopleType(t *testing.T) {
	_, ours, others := start(t)
	ours.create(&contentv1.NewContent{Slug: "title", Title: "Row level security", Body: "nothing", Status: "published"})
	ours.create(&contentv1.NewContent{Slug: "body", Title: "Other", Body: "it speaks of security on the level of a row", Status: "draft"})
	ours.create(&contentv1.NewContent{Slug: "tag", Title: "Third", Tags: []string{"security", "citus"}, Status: "published"})
	ours.create(&contentv1.NewContent{Slug: "none", Title: "Vacuum"})
	others.create(&contentv1.NewContent{Slug: "foreign", Title: "security"})

	for query, want := range map[string][]string{
		`security`:            {"title", "body", "tag"}, // by weight: title, body, tags
		`"row level"`:         {"title"},
		`security -citus`:     {"body", "title"}, // ts_rank gives a query with a negation next to nothing: the newest first
		`vacuum OR citus`:     {"none", "tag"},
		`-citus`:              {"none", "body", "title"},
		`"row level" -vacuum`: {"title"},
		`securities`:          {"title", "body", "tag"}, // by the stem
		`security vacuum`:     nil,
		`the`:                 nil, // nothing but what is too common
		`"unfinished -`:       nil,
		`'; DROP TABLE x --`:  nil,
	} {
		require.Equal(t, want, ours.search(&contentv1.SearchContentRequest{Query: query}), query)
	}
	require.Equal(t, []string{"title", "tag"}, ours.search(&contentv1.SearchContentRequest{Query: "security", Statuses: []string{"published"}}))
	require.Equal(t, []string{"tag"}, ours.search(&contentv1.SearchContentRequest{Query: "security", Tags: []string{"citus", "security"}}))

	// Page by page the same as at once.
	var paged []string
	r := &contentv1.SearchContentRequest{Query: "security", PageSize: 1}
	for {
		page, err := ours.SearchContent(t.Context(), connect.NewRequest(r))
		require.NoError(t, err)
		for _, h := range page.Msg.GetHits() {
			paged = append(paged, h.GetContent().GetSlug())
			require.Positive(t, h.GetRank())
			require.Empty(t, h.GetContent().GetBody())
		}
		if r.PageToken = page.Msg.GetNextPageToken(); r.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, []string{"title", "body", "tag"}, paged)
}

func TestSnippetsMarkTheMatches(t *testing.T) {
	_, ours, _ := start(t)
	ours.create(&contentv1.NewContent{Slug: "a", Title: "On rows", Body: "Before <b>security</b> \x02false\x03 after, and security again."})
	page, err := ours.SearchContent(t.Context(), connect.NewRequest(&contentv1.SearchContentRequest{Query: "security"}))
	require.NoError(t, err)
	var text string
	var matches []string
	for _, part := range page.Msg.GetHits()[0].GetSnippet() {
		text += part.GetText()
		if part.GetMatch() {
			matches = append(matches, part.GetText())
		}
	}
	require.Equal(t, []string{"security", "security"}, matches)
	require.Regexp(t, `security\s+false after, and security again`, text, "marks of the document's own are not ours")
	require.NotContains(t, text, "<b>")
}

func TestTagsAreCounted(t *testing.T) {
	a, ours, others := start(t)
	ours.create(&contentv1.NewContent{Slug: "1", Title: "t", Tags: []string{"b", "a"}, Status: "published"})
	ours.create(&contentv1.NewContent{Slug: "2", Title: "t", Tags: []string{"b"}})
	ours.create(&contentv1.NewContent{Slug: "3", Title: "t", Tags: []string{"c"}})
	others.create(&contentv1.NewContent{Slug: "1", Title: "t", Tags: []string{"c", "foreign"}})
	count := func(r *contentv1.ListContentTagsRequest) (tags []string) {
		answer, err := ours.ListContentTags(t.Context(), connect.NewRequest(r))
		require.NoError(t, err)
		for _, c := range answer.Msg.GetTags() {
			tags = append(tags, fmt.Sprint(c.GetTag(), " ", c.GetCount()))
		}
		return tags
	}
	require.Equal(t, []string{"b 2", "a 1", "c 1"}, count(&contentv1.ListContentTagsRequest{}))
	require.Equal(t, []string{"b 2"}, count(&contentv1.ListContentTagsRequest{Limit: 1}))
	require.Equal(t, []string{"a 1", "b 1"}, count(&contentv1.ListContentTagsRequest{Statuses: []string{"published"}}))

	// What the schema lets in beside the API must not make rows unreadable.
	_, err := a.DB.Owner(t).Exec(t.Context(), `
UPDATE ovasabi.service_content_main SET tags = '["b", 7, "b", null, {"x": 1}]', metadata = '{"huge": 1e400}' WHERE slug = '2'`)
	require.NoError(t, err)
	require.Contains(t, count(&contentv1.ListContentTagsRequest{}), "b 2")
	got, err := ours.GetContent(t.Context(), connect.NewRequest(&contentv1.GetContentRequest{Key: &contentv1.GetContentRequest_Slug{Slug: "2"}}))
	require.NoError(t, err)
	require.Equal(t, "b", got.Msg.GetContent().GetTags()[0])
	require.Len(t, got.Msg.GetContent().GetMetadata().GetFields()["huge"].GetStringValue(), 401)
}

func TestManyAtOnceInTheirOrder(t *testing.T) {
	_, ours, others := start(t)
	foreign := others.create(&contentv1.NewContent{Slug: "f", Title: "f"})
	a, b := ours.create(&contentv1.NewContent{Slug: "a", Title: "a", Body: "text"}), ours.create(&contentv1.NewContent{Slug: "b", Title: "b"})
	for _, body := range []bool{false, true} {
		got, err := ours.BatchGetContent(t.Context(), connect.NewRequest(&contentv1.BatchGetContentRequest{
			Ids: []int64{999, b.GetId(), foreign.GetId(), a.GetId()}, IncludeBody: body,
		}))
		require.NoError(t, err)
		require.Len(t, got.Msg.GetContents(), 2)
		require.Equal(t, "b", got.Msg.GetContents()[0].GetSlug())
		require.Equal(t, "a", got.Msg.GetContents()[1].GetSlug())
		require.Equal(t, body, got.Msg.GetContents()[1].GetBody() == "text")
		require.Equal(t, int32(4), got.Msg.GetContents()[1].GetBodyBytes())
		require.Equal(t, []int64{999, foreign.GetId()}, got.Msg.GetMissingIds())
	}
}

func TestWhatIsTooLargeIsNamed(t *testing.T) {
	_, ours, _ := start(t)
	big, err := structpb.NewStruct(map[string]any{"k": string(make([]byte, 70_000))})
	require.NoError(t, err)
	for field, n := range map[string]*contentv1.NewContent{
		"content.body":     {Slug: "a", Title: "a", Body: string(make([]rune, 1<<20+1))},
		"content.metadata": {Slug: "a", Title: "a", Metadata: big},
		"content.tags":     {Slug: "a", Title: "a", Tags: []string{"x", "x"}},
		"content.slug":     {Title: "a"},
	} {
		_, err := ours.CreateContent(t.Context(), connect.NewRequest(&contentv1.CreateContentRequest{Content: n}))
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
		require.ErrorContains(t, err, field)
	}
}
