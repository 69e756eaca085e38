package query_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
)

func newSigner(t testing.TB, keys ...byte) *query.CursorSigner {
	t.Helper()
	all := make([][]byte, 0, len(keys)+1)
	if len(keys) == 0 {
		keys = []byte{'k'}
	}
	for _, k := range keys {
		all = append(all, []byte(strings.Repeat(string(rune(k)), 32)))
	}
	signer, err := query.NewCursorSigner(all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func read() *query.CampaignQueryBuilder {
	return query.NewCampaignQuery(7).WithTable(content).Columns(contentID)
}

func write() *query.CampaignQueryBuilder {
	return query.NewCampaignQuery(7).WithTable(content)
}

// Parameters are plain values of the usual types: whoever looks at them (a
// tracer, a test) finds what the caller gave.
func TestParametersArePlainValues(t *testing.T) {
	_, args, err := read().
		Where(contentStatus.In("draft"), contentID.In(5, 6), contentTitle.Equal("t"), contentVersion.Equal(3), contentCreatedAt.Equal(day(1)), content.Double("id").Equal(0.5)).
		SQL()
	if err != nil {
		t.Fatal(err)
	}
	want := []any{int64(7), []string{"draft"}, []int64{5, 6}, "t", int64(3), day(1), 0.5, int64(query.DefaultLimit)}
	if !reflect.DeepEqual(args, want) {
		t.Errorf("parameters are %#v, want %#v", args, want)
	}
}

// Without a campaign there is no text, whatever was called.
func TestNoCampaignNoStatement(t *testing.T) {
	for name, b := range map[string]*query.CampaignQueryBuilder{
		"zero":     query.NewCampaignQuery(0),
		"negative": query.NewCampaignQuery(-7),
		"context":  query.FromContext(context.Background()),
		"invalid":  query.FromContext(campaign.NewContext(context.Background(), -1)),
	} {
		text, args, err := b.WithTable(content).Columns(contentID).Limit(-1).SQL()
		if !errors.Is(err, fault.NoCampaign) || text != "" || args != nil {
			t.Errorf("%s: got %q, %v, %v; want only fault.NoCampaign", name, text, args, err)
		}
		if text, args, err := b.CountSQL(1); !errors.Is(err, fault.NoCampaign) || text != "" || args != nil {
			t.Errorf("%s, count: got %q, %v, %v; want only fault.NoCampaign", name, text, args, err)
		}
	}
	for name, b := range map[string]*query.CampaignQueryBuilder{
		"insert": query.NewCampaignQuery(0).WithTable(content).Insert(contentTitle.Set("t")),
		"update": query.NewCampaignQuery(0).WithTable(content).Update(contentTitle.Set("t")).AllRows(),
		"delete": query.NewCampaignQuery(0).WithTable(content).Delete().AllRows(),
	} {
		if text, args, err := b.SQL(); !errors.Is(err, fault.NoCampaign) || text != "" || args != nil {
			t.Errorf("%s: got %q, %v, %v; want only fault.NoCampaign", name, text, args, err)
		}
	}
	signer := newSigner(t)
	if _, err := query.NewCampaignQuery(0).WithTable(content).After(signer, "").NextCursor(int64(1)); !errors.Is(err, fault.NoCampaign) {
		t.Errorf("NextCursor: got %v, want fault.NoCampaign", err)
	}
	if _, err := signer.Sign(0, "list"); !errors.Is(err, fault.NoCampaign) {
		t.Errorf("Sign: got %v, want fault.NoCampaign", err)
	}
	if _, err := signer.Open(0, "list", ""); !errors.Is(err, fault.NoCampaign) {
		t.Errorf("Open: got %v, want fault.NoCampaign", err)
	}
}

// Every statement that can be built names the campaign as $1 in its first condition.
func TestTheCampaignIsTheFirstConditionOfEveryShape(t *testing.T) {
	for _, s := range shapes(t) {
		text, args, err := s.build(7)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if len(args) == 0 || args[0] != int64(7) {
			t.Errorf("%s: the first parameter is %v, want the campaign", s.name, args)
		}
		_, rest, found := strings.Cut(text, "\nWHERE ")
		if insert := strings.HasPrefix(text, "INSERT"); insert {
			if !strings.Contains(text, "VALUES ($1::bigint") {
				t.Errorf("%s: the campaign is not inserted first:\n%s", s.name, text)
			}
			if !found {
				continue
			}
		}
		condition, _, _ := strings.Cut(rest, "\n")
		if !strings.HasSuffix(condition, `_id" = $1::bigint`) && !strings.HasSuffix(condition, `."id" = $1::bigint`) {
			t.Errorf("%s: the first condition is %q", s.name, condition)
		}
		if joins, on := strings.Count(text, "JOIN "), strings.Count(text, "\n  ON "); joins != on {
			t.Errorf("%s: %d joins but %d conditions on them", s.name, joins, on)
		}
	}
}

func TestSameShapeIsTheSameString(t *testing.T) {
	for _, s := range shapes(t) {
		first, _, err := s.build(7)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		again, _, err := s.build(123_456_789)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if first != again {
			t.Errorf("%s: one shape made two texts:\n%s\n%s", s.name, first, again)
		} else if unsafe.StringData(first) != unsafe.StringData(again) {
			t.Errorf("%s: the text was made twice", s.name)
		}
	}
	short, _, err := read().Where(contentStatus.In("draft")).Limit(1).SQL()
	if err != nil {
		t.Fatal(err)
	}
	long, _, err := read().Where(contentStatus.In("a", "b", "c")).Limit(1000).SQL()
	if err != nil {
		t.Fatal(err)
	}
	if short != long {
		t.Errorf("other values made another text:\n%s\n%s", short, long)
	}
}

// Tables, columns and signers are shared by all callers; builders are each caller's own.
func TestBuildersSideBySide(t *testing.T) {
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			id := campaign.ID(caller + 1)
			for range 20 {
				for _, s := range shapes(t) {
					if _, args, err := s.build(id); err != nil || args[0] != id.Int64() {
						t.Errorf("%s: campaign %d got %v, %v", s.name, id, args, err)
					}
				}
			}
		})
	}
	callers.Wait()
}

// More shapes than are remembered are still built right.
func TestMoreShapesThanAreRemembered(t *testing.T) {
	many := query.NewTable("ovasabi", "many")
	id := many.Bigint("id").NotNull()
	texts := map[string]bool{}
	for n := range 600 {
		conditions := make([]query.Condition, 0, n)
		for range n {
			conditions = append(conditions, id.GreaterThan(int64(len(conditions))))
		}
		text, args, err := query.NewCampaignQuery(7).WithTable(many).Columns(id).Where(conditions...).SQL()
		if err != nil {
			t.Fatal(err)
		}
		if len(args) != n+2 || strings.Count(text, "$") != n+2 {
			t.Fatalf("%d conditions made %d parameters:\n%s", n, len(args), text)
		}
		for i, arg := range args[1 : n+1] {
			if arg != int64(i) {
				t.Fatalf("parameter %d of %d conditions is %v", i+2, n, arg)
			}
		}
		texts[text] = true
	}
	if len(texts) != 600 {
		t.Errorf("600 shapes made %d texts", len(texts))
	}
}

func TestSQLMayBeCalledAgain(t *testing.T) {
	b := read().Where(contentStatus.Equal("draft")).OrderBy(contentTitle.Asc())
	first, firstArgs, err := b.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.CountSQL(10); err != nil {
		t.Fatal(err)
	}
	second, secondArgs, err := b.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if first != second || len(firstArgs) != len(secondArgs) {
		t.Errorf("the second call made another statement:\n%s\n%s", first, second)
	}
	third, args, err := b.Where(contentID.Equal(5)).SQL()
	if err != nil {
		t.Fatal(err)
	}
	if third == first || len(args) != len(firstArgs)+1 || firstArgs[1] != "draft" || firstArgs[2] != int64(query.DefaultLimit) {
		t.Errorf("a condition added later made %q, %v; the first parameters are now %v", third, args, firstArgs)
	}
}

func TestErrorsAreCollected(t *testing.T) {
	_, _, err := read().Limit(5000).Where(query.Condition{}).OrderBy(userCreatedAt.Asc()).SQL()
	if !errors.Is(err, fault.Invalid) || !errors.Is(err, fault.Internal) {
		t.Fatalf("got %v, want the wrong limit and the mistakes together", err)
	}
	for _, part := range []string{"limit", "empty Condition", "service_user_main"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %q: %v", part, err)
		}
	}
}
