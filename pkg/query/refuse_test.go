package query_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
)

// What cannot be meant is refused before any SQL, with a sentence that says what to do.
func TestRefused(t *testing.T) {
	signer := newSigner(t)
	parent := content.As("parent")
	wrongName := query.NewTable("ovasabi", strings.Repeat("n", 64))
	for _, c := range []struct {
		name  string
		build *query.CampaignQueryBuilder
		kind  fault.Kind
		says  string
	}{
		{"no table", query.NewCampaignQuery(7), fault.Internal, "WithTable"},
		{"nil table", query.NewCampaignQuery(7).WithTable(nil), fault.Internal, "WithTable"},
		{"two tables", read().WithTable(user), fault.Internal, "Join"},
		{"long table name", query.NewCampaignQuery(7).WithTable(wrongName), fault.Internal, "63 bytes"},
		{"no key", query.NewCampaignQuery(7).WithTable(query.NewTable("s", "t", query.KeyColumns())), fault.Internal, "needs a key"},
		{"bad key", query.NewCampaignQuery(7).WithTable(query.NewTable("s", "t", query.KeyColumns("a", ""))), fault.Internal, "needs a name"},
		{"bad campaign column", query.NewCampaignQuery(7).WithTable(query.NewTable("s", "t", query.CampaignColumn(""))), fault.Internal, "needs a name"},
		{"empty alias", query.NewCampaignQuery(7).WithTable(content.As("")), fault.Internal, "needs a name"},
		{"bad joined table", read().Join(wrongName, contentID.Equal(1)), fault.Internal, "63 bytes"},
		{"moved expression", read().Where(contentKind.Of(parent).Equal("x")), fault.Internal, "cannot move"},
		{"no columns", query.NewCampaignQuery(7).WithTable(content), fault.Internal, "Columns"},
		{"NUL in a column", read().Columns(content.Text("a\x00b")), fault.Internal, "NUL"},
		{"empty column", read().Columns(content.Text("")), fault.Internal, "needs a name"},
		{"not UTF-8", read().Columns(content.Text("\xff")), fault.Internal, "UTF-8"},
		{"NUL in a JSON key", read().Columns(contentMetadata.Key("a\x00")), fault.Internal, "NUL"},
		{"nil column", read().Columns(nil), fault.Internal, "declared column"},
		{"nil typed column", read().Columns((*query.Column[string])(nil)), fault.Internal, "declared column"},
		{"condition on a nil column", read().Where((*query.Column[string])(nil).Equal("x")), fault.Internal, "declared column"},
		{"foreign column", read().Columns(userEmail), fault.Internal, "join it"},
		{"foreign condition", read().Where(userEmail.Equal("e")), fault.Internal, "join it"},
		{"foreign order", read().OrderBy(userEmail.Asc()), fault.Internal, "join it"},
		{"foreign alias", read().Where(contentTitle.Of(parent).Equal("x")), fault.Internal, "join it"},
		{"zero condition", read().Where(query.Condition{}), fault.Internal, "empty Condition"},
		{"zero order", read().OrderBy(query.Order{}), fault.Internal, "declared column"},
		{"empty AnyOf", read().Where(query.AnyOf()), fault.Internal, "AnyOf"},
		{"empty AnyOf in AnyOf", read().Where(query.AnyOf(query.AnyOf())), fault.Internal, "empty Condition"},
		{"compared with nil", read().Where(content.Column("slug").Equal(nil)), fault.Internal, "IsNull"},
		{"compared with a nil pointer", read().Where(content.Column("slug").Equal((*string)(nil))), fault.Internal, "IsNull"},
		{"negative limit", read().Limit(-1), fault.Invalid, "limit"},
		{"limit over the cap", read().Limit(query.MaxLimit + 1), fault.Invalid, "between 1 and 1000"},
		{"unlimited page", read().Unlimited().After(signer, ""), fault.Internal, "Unlimited"},
		{"nil signer", read().After(nil, ""), fault.Internal, "CursorSigner"},
		{"too many ordered columns", read().OrderBy(contentID.Asc(), contentID.Asc(), contentID.Asc(), contentID.Asc(), contentID.Asc(), contentID.Asc(), contentID.Asc()), fault.Internal, "at most 6"},
		{"two locks", read().ForUpdate().ForShare(), fault.Internal, "one way"},
		{"two waits", read().ForUpdate().SkipLocked().NoWait(), fault.Internal, "exclude"},
		{"wait without lock", read().NoWait(), fault.Internal, "ForUpdate"},
		{"join without condition", read().Join(user), fault.Internal, "beside the campaign's"},
		{"join of no table", read().Join(nil, userID.EqualColumn(contentID)), fault.Internal, "no table"},
		{"join before the table", query.NewCampaignQuery(7).Join(user, userID.EqualColumn(contentID)), fault.Internal, "before WithTable"},
		{"join under one name", read().Join(content, contentID.EqualColumn(contentVersion)), fault.Internal, "Table.As"},
		{"all rows of a read", read().AllRows(), fault.Internal, "Unlimited"},
		{"returning of a read", read().Returning(contentID), fault.Internal, "writes"},
		{"update of everything", write().Update(contentTitle.Set("t")), fault.Internal, "AllRows"},
		{"update with no condition left", write().Update(contentTitle.Set("t")).Where(), fault.Internal, "AllRows"},
		{"delete of everything", write().Delete(), fault.Internal, "AllRows"},
		{"update of nothing", write().Update().AllRows(), fault.Internal, "at least one column"},
		{"campaign inserted", write().Insert(contentCampaign.Set(8)), fault.Invalid, "campaign_id"},
		{"campaign updated", write().Update(contentCampaign.Set(8)).AllRows(), fault.Invalid, "campaign_id"},
		{"campaign updated untyped", write().Update(content.Column("campaign_id").Set("8")).AllRows(), fault.Invalid, "campaign_id"},
		{"campaign added to", write().Update(query.Add(contentCampaign, 1)).AllRows(), fault.Invalid, "campaign_id"},
		{"campaign updated on conflict", write().Insert(contentSlug.Set("s")).OnConflict(contentSlug).DoUpdate(contentCampaign.SetExcluded()), fault.Invalid, "campaign_id"},
		{"campaign's own id", query.NewCampaignQuery(7).WithTable(mainCampaign).Update(mainCampaignID.Set(8)).AllRows(), fault.Invalid, "id"},
		{"expression written", write().Update(contentKind.Set("x")).AllRows(), fault.Internal, "cannot be written"},
		{"foreign column written", write().Update(userEmail.Set("x")).AllRows(), fault.Internal, "another table"},
		{"zero assignment", write().Update(query.Assignment{}).AllRows(), fault.Internal, "empty Assignment"},
		{"excluded in an update", write().Update(contentTitle.SetExcluded()).AllRows(), fault.Internal, "DoUpdate"},
		{"add in an insert", write().Insert(query.Add(contentVersion, 1)), fault.Internal, "no earlier value"},
		{"limit of a delete", write().Delete().AllRows().Limit(5), fault.Internal, "limit"},
		{"order of an update", write().Update(contentTitle.Set("t")).AllRows().OrderBy(contentID.Asc()), fault.Internal, "order"},
		{"join of a delete", write().Delete().AllRows().Join(user, userID.EqualColumn(contentID)), fault.Internal, "join"},
		{"two verbs", write().Delete().Update(contentTitle.Set("t")).AllRows(), fault.Internal, "once"},
		{"verb after columns", read().Delete().AllRows(), fault.Internal, "once"},
		{"columns of a write", write().Delete().AllRows().Columns(contentID), fault.Internal, "Returning"},
		{"conflict of a read", read().OnConflict(contentSlug), fault.Internal, "inserts"},
		{"conflict unanswered", write().Insert(contentSlug.Set("s")).OnConflict(contentSlug), fault.Internal, "DoNothing or DoUpdate"},
		{"conflict answered twice", write().Insert(contentSlug.Set("s")).OnConflict(contentSlug).DoNothing().DoNothing(), fault.Internal, "once"},
		{"condition of an insert", write().Insert(contentSlug.Set("s")).Where(contentID.Equal(1)), fault.Internal, "DoUpdate"},
	} {
		text, args, err := c.build.SQL()
		if text != "" || args != nil || err == nil {
			t.Errorf("%s: built %q", c.name, text)
			continue
		}
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %s %q, want %s with %q", c.name, fault.KindOf(err), err, c.kind, c.says)
		}
	}
	for _, bound := range []int{-1, 0, query.MaxCount + 1} {
		_, _, err := read().CountSQL(bound)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || f.Field != "count" {
			t.Errorf("a bound of %d: got %v, want fault.Invalid on count", bound, err)
		}
	}
	if _, _, err := write().Delete().AllRows().CountSQL(1); !errors.Is(err, fault.Internal) {
		t.Errorf("the count of a delete: got %v", err)
	}
}

func TestTooManyParametersAreRefused(t *testing.T) {
	b := read()
	for range 66_000 / 1000 {
		conditions := make([]query.Condition, 1000)
		for i := range conditions {
			conditions[i] = content.Column("id").Equal(1)
		}
		b.Where(query.AnyOf(conditions...))
	}
	if _, _, err := b.SQL(); !errors.Is(err, fault.Internal) || !strings.Contains(err.Error(), "parameters") {
		t.Errorf("got %v, want too many parameters", err)
	}
}
