package schema_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/schema"
)

func TestPriceWithTaxIsTotal(t *testing.T) {
	db := pgtest.New(t)
	s := scope(t, db, 1)
	ctx := in(t, 1)
	cases := []struct {
		price, metadata, want string
	}{
		{"100.00", `{"tax_rate": 0.19}`, "119.00"},
		{"100.00", `{"tax_rate": "0.19"}`, "119.00"},
		{"0.05", `{"tax_rate": 0.1}`, "0.06"}, // 0.055, half up
		{"100.00", `{"tax_rate": 1}`, "200.00"},
		{"100.00", `{"tax_rate": 1e-2}`, "101.00"},
		{"99999999.99", `{"tax_rate": 9.99999999999}`, "1099999999.89"}, // the largest there is
		{"100.00", `{}`, "100.00"},
		{"100.00", `{"tax_rate": null}`, "100.00"},
		{"100.00", `{"tax_rate": "abc"}`, "100.00"},
		{"100.00", `{"tax_rate": ""}`, "100.00"},
		{"100.00", `{"tax_rate": "NaN"}`, "100.00"},
		{"100.00", `{"tax_rate": "Infinity"}`, "100.00"},
		{"100.00", `{"tax_rate": "1e400"}`, "100.00"},
		{"100.00", `{"tax_rate": 1e400}`, "100.00"},
		{"100.00", `{"tax_rate": 1e-400}`, "100.00"},
		{"100.00", `{"tax_rate": -0.5}`, "100.00"},
		{"100.00", `{"tax_rate": 19}`, "100.00"}, // per cent for a fraction
		{"100.00", `{"tax_rate": "19%"}`, "100.00"},
		{"100.00", `{"tax_rate": "0.19\n"}`, "100.00"},
		{"100.00", `{"tax_rate": true}`, "100.00"},
		{"100.00", `{"tax_rate": {"rate": 0.19}}`, "100.00"},
		{"100.00", `{"tax_rate": [0.19]}`, "100.00"},
		{"100.00", `{"tax_rate": "0.` + strings.Repeat("1", 5000) + `"}`, "100.00"},
	}
	for i, c := range cases {
		_, err := s.Exec(ctx, `INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, metadata) VALUES (1, $1, 'p', $2, $3)`,
			fmt.Sprint(i), c.price, json.RawMessage(c.metadata))
		require.NoError(t, err)
		var got string
		require.NoError(t, s.QueryRow(ctx, `SELECT price_with_tax_virtual::text FROM ovasabi.service_product_main WHERE campaign_id = 1 AND sku = $1`, fmt.Sprint(i)).Scan(&got))
		require.Equal(t, c.want, got, "%.60s", c.metadata)
	}
}

// Whatever JSON stands in metadata, the column can be read, and a rate that is one is applied exactly.
func TestPriceWithTaxOfAnyMetadata(t *testing.T) {
	db := pgtest.New(t)
	scope(t, db, 1)
	conn := connect(t, db.OwnerURL)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(0, 9_999_999_999).Draw(t, "cents")
		rate := rapid.OneOf(
			rapid.StringMatching(`"[0-9.eE+\-NaIinfty ]{0,12}"`),
			rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?`),
			rapid.SampledFrom([]string{`null`, `true`, `{}`, `[]`, `[0.19]`, `""`}),
		).Draw(t, "rate")
		price := new(big.Rat).SetFrac64(cents, 100)
		n++
		var got string
		err := conn.QueryRow(t.Context(), `
WITH written AS (
    INSERT INTO ovasabi.service_product_main (campaign_id, sku, name, price, metadata)
    VALUES (1, $1, 'p', $2::text::numeric, jsonb_build_object('tax_rate', $3::text::jsonb))
    RETURNING price_with_tax_virtual
)
SELECT price_with_tax_virtual::text
FROM written`, fmt.Sprint(n), price.FloatString(2), rate).Scan(&got)
		if err != nil {
			t.Fatalf("rate %s: %v", rate, err)
		}
		have, _ := new(big.Rat).SetString(got)
		fraction, ok := new(big.Rat).SetString(strings.Trim(rate, `"`))
		isText := strings.HasPrefix(rate, `"`)
		if !ok || isText || fraction.Sign() < 0 || fraction.Cmp(big.NewRat(10, 1)) >= 0 {
			if !isText && have.Cmp(price) != 0 {
				t.Fatalf("rate %s: %s is not the price %s", rate, got, price.FloatString(2))
			}
			return
		}
		want := new(big.Rat).Mul(price, fraction.Add(fraction, big.NewRat(1, 1)))
		difference := new(big.Rat).Abs(want.Sub(want, have))
		if difference.Cmp(big.NewRat(5, 1000)) > 0 {
			t.Fatalf("rate %s: %s is not within half a cent of price %s with tax", rate, got, price.FloatString(2))
		}
	})
}

func TestDisplayNameIsNeverNull(t *testing.T) {
	db := pgtest.New(t)
	s := scope(t, db, 1)
	ctx := in(t, 1)
	name := func(first, last, username *string) string {
		var got string
		require.NoError(t, s.QueryRow(ctx, `
INSERT INTO ovasabi.service_user_main (campaign_id, id, email, first_name, last_name, username)
VALUES (1, 7, 'a@b', $1, $2, $3)
RETURNING display_name_computed`, first, last, username).Scan(&got))
		_, err := s.Exec(ctx, `DELETE FROM ovasabi.service_user_main WHERE campaign_id = 1`)
		require.NoError(t, err)
		return got
	}
	ada, lovelace, user := "Ada", "Lovelace", "ada"
	require.Equal(t, "Ada Lovelace", name(&ada, &lovelace, &user))
	require.Equal(t, "ada", name(&ada, nil, &user))
	require.Equal(t, "ada", name(nil, &lovelace, &user))
	require.Equal(t, "User#7", name(&ada, nil, nil))
}

// The worst texts for a vector: many words, all different, each kept more than once.
func TestSearchVectorIsTotal(t *testing.T) {
	db := pgtest.New(t)
	s := scope(t, db, 1)
	ctx := in(t, 1)
	word := func(i int) string {
		return string([]rune{rune('a' + i/26/26/26%26), rune('a' + i/26/26%26), rune('a' + i/26%26), rune('a' + i%26)})
	}
	astral := func(i int) string { return string([]rune{rune(0x20000 + i), rune(0x20000 + i*7%40000)}) }
	joined := func(n int, word func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(word(i))
			if i%5 == 0 {
				b.WriteByte(' ')
			} else {
				b.WriteByte('-')
			}
		}
		return b.String()
	}
	bodies := map[string]string{
		"empty":        "",
		"words":        joined(200_000, word),
		"astral words": joined(80_000, astral),
		"one word":     strings.Repeat("x", 1<<20),
		"urls": joined(60_000, func(i int) string {
			return "a" + word(i) + ".de/" + word(i)
		}),
	}
	manyTags, err := json.Marshal([]string{joined(80_000, astral)})
	require.NoError(t, err)
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			body = body[:min(len(body), 1<<20)]
			body = strings.ToValidUTF8(body, "")
			var virtual, stored bool
			require.NoError(t, s.QueryRow(ctx, `
INSERT INTO ovasabi.service_content_main (campaign_id, slug, title, body, tags)
VALUES (1, $1, $2, $3, $4)
RETURNING search_vector_virtual IS NOT NULL, search_vector_virtual = search_vector_stored`,
				name, joined(100, word), body, json.RawMessage(manyTags)).Scan(&virtual, &stored))
			require.True(t, virtual)
			require.True(t, stored)
		})
	}
}

// Adding the virtual columns writes no row: the tables stay the files that they
// were, byte for byte, whatever their size.
func TestAddingAVirtualColumnWritesNoRow(t *testing.T) {
	db := pgtest.New(t, pgtest.Phase(int(schema.Foundation)))
	scope(t, db, 1)
	writeContent(t, db, 1, 500)
	files := func() string {
		return value[string](t, db, `
SELECT string_agg(concat_ws(' ', c.relname, pg_relation_filenode(c.oid), md5(pg_read_binary_file(pg_relation_filepath(c.oid)))), ', ' ORDER BY c.relname)
FROM pg_class AS c
WHERE c.oid = ANY (ARRAY['ovasabi.service_content_main', 'ovasabi.service_user_main', 'ovasabi.service_product_main']::regclass[])`)
	}
	exec(t, db, `CHECKPOINT`)
	before := files()
	m := migrator(t, db.OwnerURL, schema.WithCheckpoint(schema.Options{}, func(step string) error {
		if step == "00204_content_search_virtual_index" {
			return errKilled
		}
		return nil
	}))
	require.ErrorIs(t, m.Up(t.Context(), schema.GeneratedColumns), errKilled)
	require.Equal(t, 3, value[int](t, db, `SELECT count(*) FROM pg_attribute WHERE attgenerated = 'v'`))
	exec(t, db, `CHECKPOINT`)
	require.Equal(t, before, files())
}
