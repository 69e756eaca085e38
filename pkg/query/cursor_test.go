package query_test

import (
	"encoding/base64"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/query"
)

func refusedCursor(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Kind == fault.Invalid && f.Field == "cursor"
}

func TestCursorCarriesItsValues(t *testing.T) {
	signer := newSigner(t)
	number, name := int64(-5), "name"
	var noText *string
	at := time.Date(2024, 5, 6, 7, 8, 9, 123_456_000, time.FixedZone("x", 3600))
	given := []any{
		nil, int64(math.MinInt64), int32(3), uint8(200), 4.5, math.Inf(-1), true, false, "", "tëxt\x01", at,
		[]byte{0, 1}, [16]byte{15: 9}, &number, &name, noText, campaign.ID(9), time.Month(4),
		pgtype.Text{}, pgtype.Text{String: "t", Valid: true}, (*pgtype.Text)(nil), pgtype.Int4{Int32: 5, Valid: true},
	}
	want := []any{
		nil, int64(math.MinInt64), int64(3), int64(200), 4.5, math.Inf(-1), true, false, "", "tëxt\x01", at.UTC(),
		[]byte{0, 1}, [16]byte{15: 9}, int64(-5), "name", nil, int64(9), int64(4),
		nil, "t", nil, int64(5),
	}
	token, err := signer.Sign(7, "list", given...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := signer.Open(7, "list", token)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("opened\n%#v\nwant\n%#v", got, want)
	}
	if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("the token cannot stand in an address as it is: %q", token)
	}
}

func TestCursorRefusesValuesThatItCannotCarry(t *testing.T) {
	signer := newSigner(t)
	for _, v := range []any{struct{}{}, []string{"a"}, map[string]int{}, uint64(1), strings.Repeat("x", 9000)} {
		if token, err := signer.Sign(7, "list", v); err == nil {
			t.Errorf("a cursor was made of %T: %q", v, token)
		}
	}
}

func TestCursorKeys(t *testing.T) {
	if _, err := query.NewCursorSigner(make([]byte, 31)); !errors.Is(err, fault.Invalid) {
		t.Errorf("a key of 31 bytes: got %v, want fault.Invalid", err)
	}
	if _, err := query.NewCursorSigner(make([]byte, 32), nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("an empty older key: got %v, want fault.Invalid", err)
	}
	token, err := newSigner(t, 'a').Sign(7, "list", int64(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newSigner(t, 'b', 'a').Open(7, "list", token); err != nil {
		t.Errorf("after the key was changed the old cursor is refused: %v", err)
	}
	if _, err := newSigner(t, 'b').Open(7, "list", token); !refusedCursor(err) {
		t.Errorf("a cursor of a dropped key: got %v", err)
	}
	renewed, err := newSigner(t, 'b', 'a').Sign(7, "list", int64(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newSigner(t, 'b').Open(7, "list", renewed); err != nil {
		t.Errorf("the first key does not sign: %v", err)
	}
	key := []byte(strings.Repeat("c", 32))
	signer, err := query.NewCursorSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	key[0] = 'x'
	if token, err = signer.Sign(7, "list"); err != nil {
		t.Fatal(err)
	}
	if _, err := newSigner(t, 'c').Open(7, "list", token); err != nil {
		t.Errorf("the signer's key changed with the caller's slice: %v", err)
	}
}

// No change of a token, however small, is accepted.
func TestCursorTampering(t *testing.T) {
	signer := newSigner(t)
	token, err := signer.Sign(7, "list", day(1), int64(12), nil, "title")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Open(7, "list", token); err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=\n\r+/ \x00"
	for i := range len(token) + 1 {
		for _, c := range []byte(alphabet) {
			inserted := token[:i] + string(rune(c)) + token[i:]
			if _, err := signer.Open(7, "list", inserted); !refusedCursor(err) {
				t.Errorf("inserting %q at %d: got %v", c, i, err)
			}
			if i == len(token) || token[i] == c {
				continue
			}
			changed := token[:i] + string(rune(c)) + token[i+1:]
			if _, err := signer.Open(7, "list", changed); !refusedCursor(err) {
				t.Errorf("changing byte %d to %q: got %v", i, c, err)
			}
		}
		if i > 0 {
			if _, err := signer.Open(7, "list", token[i:]); !refusedCursor(err) {
				t.Errorf("cutting %d bytes in front: got %v", i, err)
			}
		}
		if i < len(token) {
			if _, err := signer.Open(7, "list", token[:i]); !refusedCursor(err) {
				t.Errorf("cutting after %d bytes: got %v", i, err)
			}
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		if _, err := signer.Open(7, "list", base64.RawURLEncoding.EncodeToString(raw)); !refusedCursor(err) {
			t.Errorf("flipping bit %d: got %v", bit, err)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
	if _, err := signer.Open(8, "list", token); !refusedCursor(err) {
		t.Errorf("another campaign: got %v", err)
	}
	if _, err := signer.Open(7, "other", token); !refusedCursor(err) {
		t.Errorf("another list: got %v", err)
	}
}

// A cursor goes on with its own list only.
func TestCursorBelongsToItsList(t *testing.T) {
	signer := newSigner(t)
	type q = *query.CampaignQueryBuilder
	list := func(id campaign.ID) q {
		return query.NewCampaignQuery(id).WithTable(content).Columns(contentID)
	}
	own := func() q { return list(7).Where(contentStatus.Equal("draft")).OrderBy(contentCreatedAt.Desc()) }
	token, err := own().After(signer, "").NextCursor(day(1), int64(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]q{
		"same":          own(),
		"other value":   list(7).Where(contentStatus.Equal("review")).OrderBy(contentCreatedAt.Desc()),
		"other limit":   own().Limit(3),
		"other columns": own().Columns(contentTitle, contentSlug),
		"key named":     list(7).Where(contentStatus.Equal("draft")).OrderBy(contentCreatedAt.Desc(), contentID.Desc()),
	} {
		if _, _, err := b.After(signer, token).SQL(); err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
	for name, b := range map[string]q{
		"other campaign":    list(8).Where(contentStatus.Equal("draft")).OrderBy(contentCreatedAt.Desc()),
		"other table":       query.NewCampaignQuery(7).WithTable(user).Columns(userID).Where(userStatus.Equal("draft")).OrderBy(userCreatedAt.Desc()),
		"other name":        query.NewCampaignQuery(7).WithTable(parent).Columns(contentID.Of(parent)).Where(contentStatus.Of(parent).Equal("draft")).OrderBy(contentCreatedAt.Of(parent).Desc()),
		"no filter":         list(7).OrderBy(contentCreatedAt.Desc()),
		"other filter":      list(7).Where(contentSlug.Equal("draft")).OrderBy(contentCreatedAt.Desc()),
		"other operator":    list(7).Where(contentStatus.NotEqual("draft")).OrderBy(contentCreatedAt.Desc()),
		"other direction":   list(7).Where(contentStatus.Equal("draft")).OrderBy(contentCreatedAt.Asc()),
		"other order":       list(7).Where(contentStatus.Equal("draft")).OrderBy(contentUpdatedAt.Desc()),
		"other tail":        list(7).Where(contentStatus.Equal("draft")).OrderBy(contentCreatedAt.Desc(), contentID.Asc()),
		"shorter order":     list(7).Where(contentStatus.Equal("draft")),
		"joined":            own().Join(user, userID.EqualColumn(contentVersion)),
		"named":             own().Named("drafts"),
		"filter added last": own().Where(contentTitle.IsNotNull()),
	} {
		text, _, err := b.After(signer, token).SQL()
		if !refusedCursor(err) || text != "" {
			t.Errorf("%s: built %q, %v; want fault.Invalid on cursor", name, text, err)
		}
	}
	foreign := newSigner(t, 'x')
	if _, _, err := own().After(foreign, token).SQL(); !refusedCursor(err) {
		t.Errorf("another key: got %v", err)
	}
}

// Twins of one list differ in shape and go on with each other's pages.
func TestNamedListsShareCursors(t *testing.T) {
	signer := newSigner(t)
	plain := query.NewCampaignQuery(7).WithTable(content).Columns(contentID).
		Where(contentStatus.Equal("draft")).OrderBy(contentID.Asc()).Named("drafts").After(signer, "")
	token, err := plain.NextCursor(int64(5))
	if err != nil {
		t.Fatal(err)
	}
	optimised := func(list string, o query.Order) *query.CampaignQueryBuilder {
		return query.NewCampaignQuery(7).WithTable(content).Columns(contentID).
			Where(contentStatus.In("draft")).OrderBy(o).Named(list).After(signer, token)
	}
	if _, _, err := optimised("drafts", contentID.Asc()).SQL(); err != nil {
		t.Errorf("the twin refuses the cursor: %v", err)
	}
	if _, _, err := optimised("others", contentID.Asc()).SQL(); !refusedCursor(err) {
		t.Errorf("another name: got %v", err)
	}
	if _, _, err := optimised("drafts", contentID.Desc()).SQL(); !refusedCursor(err) {
		t.Errorf("another direction: got %v", err)
	}
}

func TestNextCursorChecksItsValues(t *testing.T) {
	signer := newSigner(t)
	b := read().OrderBy(contentCreatedAt.Desc())
	if _, err := b.NextCursor(day(1), int64(1)); !errors.Is(err, fault.Internal) {
		t.Errorf("without After: got %v", err)
	}
	b.After(signer, "")
	for name, values := range map[string][]any{
		"too few":      {day(1)},
		"too many":     {day(1), int64(1), int64(1)},
		"unwanted nil": {nil, int64(1)},
	} {
		if token, err := b.NextCursor(values...); !errors.Is(err, fault.Internal) {
			t.Errorf("%s: got %q, %v", name, token, err)
		}
	}
}

// Values of any kind come back as they went in, and no other list opens them.
func TestCursorRoundTrip(t *testing.T) {
	signer := newSigner(t)
	value := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Int64(), func(v int64) any { return v }),
		rapid.Map(rapid.String(), func(v string) any { return v }),
		rapid.Map(rapid.Float64(), func(v float64) any { return v }),
		rapid.Map(rapid.Bool(), func(v bool) any { return v }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(v []byte) any { return append([]byte{}, v...) }),
		rapid.Map(rapid.Int64Range(-1<<50, 1<<50), func(v int64) any { return time.UnixMicro(v).UTC() }),
	)
	rapid.Check(t, func(t *rapid.T) {
		id := campaign.ID(rapid.Int64Range(1, math.MaxInt64).Draw(t, "campaign"))
		list := rapid.String().Draw(t, "list")
		values := rapid.SliceOfN(value, 0, 6).Draw(t, "values")
		token, err := signer.Sign(id, list, values...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := signer.Open(id, list, token)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(values) || len(values) > 0 && !reflect.DeepEqual(got, values) {
			t.Fatalf("opened %#v, want %#v", got, values)
		}
		otherID := campaign.ID(rapid.Int64Range(1, math.MaxInt64).Draw(t, "other campaign"))
		otherList := rapid.String().Draw(t, "other list")
		if _, err := signer.Open(otherID, otherList, token); (otherID != id || otherList != list) && !refusedCursor(err) {
			t.Fatalf("campaign %d and list %q opened a cursor of %d and %q: %v", otherID, otherList, id, list, err)
		}
	})
}
