package token_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

var quiet = slog.New(slog.DiscardHandler)

type keyset struct {
	Keys []map[string]string `json:"keys"`
}

func newKeys(t *testing.T) keyset {
	t.Helper()
	text, err := token.NewKeysJSON()
	require.NoError(t, err)
	var set keyset
	require.NoError(t, json.Unmarshal(text, &set))
	return set
}

func (k keyset) text(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(k)
	require.NoError(t, err)
	return string(text)
}

func verifier(t *testing.T, c token.Config) (*token.Verifier, *token.Ring, *token.Revocations) {
	t.Helper()
	ring, err := token.NewRing(c, quiet)
	require.NoError(t, err)
	revocations := token.NewRevocations(pgtest.New(t).App(t), quiet)
	require.NoError(t, revocations.Refresh(t.Context()))
	return token.NewVerifier(ring, revocations), ring, revocations
}

var writer = token.Grant{Subject: "storefront", Role: token.Writer, Campaigns: []campaign.ID{9, 7, 7, 9223372036854775807}, TTL: time.Hour}

func TestATokenSaysWhatItWasMadeWith(t *testing.T) {
	v, ring, _ := verifier(t, token.Config{Keys: newKeys(t).text(t)})
	created, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	for range 2 { // the second time from memory
		identity, err := v.Verify(created.Text)
		require.NoError(t, err)
		require.Equal(t, "storefront", identity.Subject)
		require.Equal(t, created.ID, identity.TokenID)
		require.Equal(t, token.Writer, identity.Role)
		require.Equal(t, []campaign.ID{7, 9, 9223372036854775807}, identity.Campaigns)
		require.WithinDuration(t, created.Expires, identity.Expires, time.Second)
	}
}

func TestGrantsThatAreRefused(t *testing.T) {
	keys, err := token.ParseKeys([]byte(newKeys(t).text(t)))
	require.NoError(t, err)
	for field, change := range map[string]func(*token.Grant){
		"subject":  func(g *token.Grant) { g.Subject = "" },
		"role":     func(g *token.Grant) { g.Role = 0 },
		"campaign": func(g *token.Grant) { g.Campaigns = nil },
		"ttl":      func(g *token.Grant) { g.TTL = 400 * 24 * time.Hour },
	} {
		g := writer
		change(&g)
		_, err := keys.Create(g)
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, field+":")
	}
}

// forge signs claims as this platform would, except for what the test changes.
func forge(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	all := jwt.MapClaims{
		"iss": "ovasabi", "sub": "x", "jti": "y", "role": "operator", "campaigns": []string{"7"},
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	forged := jwt.NewWithClaims(method, all)
	maps.Copy(forged.Header, header)
	text, err := forged.SignedString(key)
	require.NoError(t, err)
	return text
}

func TestTokensThatLetNobodyIn(t *testing.T) {
	ours := newKeys(t)
	v, _, _ := verifier(t, token.Config{Keys: ours.text(t)})
	kid := map[string]any{"kid": ours.Keys[0]["kid"]}
	seed, err := base64.RawURLEncoding.DecodeString(ours.Keys[0]["d"])
	require.NoError(t, err)
	private := ed25519.NewKeyFromSeed(seed)
	public, ok := private.Public().(ed25519.PublicKey)
	require.True(t, ok)
	_, other, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)

	good := forge(t, jwt.SigningMethodEdDSA, private, kid, nil)
	_, err = v.Verify(good)
	require.NoError(t, err, "the forgery must be good but for what each case changes")

	parts := strings.Split(good, ".")
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":                         {"", token.ErrMissing},
		"no token":                        {"hello", token.ErrMalformed},
		"too long":                        {strings.Repeat("a", 17<<10), token.ErrMalformed},
		"another key":                     {forge(t, jwt.SigningMethodEdDSA, other, kid, nil), token.ErrSignature},
		"unknown kid":                     {forge(t, jwt.SigningMethodEdDSA, private, map[string]any{"kid": "other"}, nil), token.ErrSignature},
		"no kid":                          {forge(t, jwt.SigningMethodEdDSA, private, nil, nil), token.ErrSignature},
		"alg none":                        {forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, nil), token.ErrSignature},
		"public key taken for a HMAC key": {forge(t, jwt.SigningMethodHS256, []byte(public), kid, nil), token.ErrSignature},
		"changed claims":                  {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"role":"operator"}`)) + "." + parts[2], token.ErrSignature},
		"expired":                         {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), token.ErrExpired},
		"no expiry":                       {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"exp": nil}), token.ErrMalformed},
		"another issuer":                  {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"iss": "else"}), token.ErrMalformed},
		"no id, so it cannot be revoked":  {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"jti": nil}), token.ErrMalformed},
		"no role":                         {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"role": nil}), token.ErrMalformed},
		"unknown role":                    {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"role": "root"}), token.ErrMalformed},
		"a campaign in another spelling":  {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"campaigns": []string{"07"}}), token.ErrMalformed},
		"a campaign that is zero":         {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"campaigns": []string{"0"}}), token.ErrMalformed},
		"made in the future":              {forge(t, jwt.SigningMethodEdDSA, private, kid, map[string]any{"iat": time.Now().Add(time.Hour).Unix()}), token.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			identity, err := v.Verify(c.text)
			require.ErrorIs(t, err, c.want)
			require.Zero(t, identity)
			if len(c.text) > 20 {
				require.NotContains(t, err.Error(), c.text[:20], "a token must not travel in an error")
			}
		})
	}
}

func TestARevokedTokenIsRefused(t *testing.T) {
	v, ring, revocations := verifier(t, token.Config{Keys: newKeys(t).text(t)})
	created, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	identity, err := v.Verify(created.Text)
	require.NoError(t, err)
	require.NoError(t, identity.StillValid())
	require.NoError(t, revocations.Revoke(t.Context(), created.ID, created.Expires))
	require.ErrorIs(t, identity.StillValid(), token.ErrRevoked)
	_, err = v.Verify(created.Text)
	require.ErrorIs(t, err, token.ErrRevoked)
}

func TestARevocationByAnotherProcessIsSeen(t *testing.T) {
	db := pgtest.New(t)
	ring, err := token.NewRing(token.Config{Keys: newKeys(t).text(t)}, quiet)
	require.NoError(t, err)
	here, there := token.NewRevocations(db.App(t), quiet), token.NewRevocations(db.App(t), quiet)
	v := token.NewVerifier(ring, here)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { here.Run(ctx); close(done) }()
	defer func() { end(); <-done }()
	created, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := v.Verify(created.Text); return err == nil }, 5*time.Second, 10*time.Millisecond)
	require.NoError(t, there.Revoke(t.Context(), created.ID, created.Expires))
	require.Eventually(t, func() bool {
		_, err := v.Verify(created.Text)
		return errors.Is(err, token.ErrRevoked)
	}, 6*time.Second, 20*time.Millisecond)
}

func TestNobodyIsLetInWhileRevocationsWereNeverRead(t *testing.T) {
	ring, err := token.NewRing(token.Config{Keys: newKeys(t).text(t)}, quiet)
	require.NoError(t, err)
	v := token.NewVerifier(ring, token.NewRevocations(pgtest.New(t, pgtest.Empty()).Owner(t), quiet))
	created, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	_, err = v.Verify(created.Text)
	require.ErrorIs(t, err, fault.Unavailable)
}

func TestKeysAreRotatedWithoutAPause(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	old, fresh := newKeys(t), newKeys(t)
	write := func(set keyset) { require.NoError(t, os.WriteFile(path, []byte(set.text(t)), 0o600)) }
	write(old)
	v, ring, _ := verifier(t, token.Config{KeysFile: path})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { ring.Run(ctx); close(done) }()
	defer func() { end(); <-done }()

	byOld, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	require.Equal(t, old.Keys[0]["kid"], byOld.Key)

	// Both verify; the old one still signs, then the new one does.
	write(keyset{append(old.Keys[:1:1], fresh.Keys...)})
	write(keyset{append(fresh.Keys[:1:1], old.Keys...)})
	require.Eventually(t, func() bool {
		created, err := ring.Keys().Create(writer)
		return err == nil && created.Key == fresh.Keys[0]["kid"]
	}, 6*time.Second, 20*time.Millisecond)
	_, err = v.Verify(byOld.Text)
	require.NoError(t, err, "a token of the old key must work until that key goes")
	byFresh, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	_, err = v.Verify(byFresh.Text)
	require.NoError(t, err)

	// A file that is wrong, or gone, changes nothing.
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	time.Sleep(2500 * time.Millisecond)
	_, err = v.Verify(byOld.Text)
	require.NoError(t, err)

	// Without the old key its tokens are refused, though their signature was remembered.
	write(fresh)
	require.Eventually(t, func() bool {
		_, err := v.Verify(byOld.Text)
		return errors.Is(err, token.ErrSignature)
	}, 6*time.Second, 20*time.Millisecond)
	_, err = v.Verify(byFresh.Text)
	require.NoError(t, err)
}

func TestSetsOfKeysThatAreRefused(t *testing.T) {
	good := newKeys(t).Keys[0]
	with := func(changes ...string) string {
		k := map[string]string{}
		maps.Copy(k, good)
		for i := 0; i < len(changes); i += 2 {
			k[changes[i]] = changes[i+1]
		}
		return keyset{[]map[string]string{k}}.text(t)
	}
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 31))
	for text, want := range map[string]string{
		"":                                 "keys: must be a JSON Web Key Set",
		`{"keys":[]}`:                      "keys: must hold 1 to 100 keys",
		with("kid", ""):                    "keys[0].kid: must be",
		with("kty", "RSA"):                 "keys[0].kty: must be OKP",
		with("crv", "P-256"):               "keys[0].crv: must be Ed25519",
		with("alg", "HS256"):               "keys[0].alg: must be EdDSA",
		with("d", "!"):                     "keys[0].d: must be base64url",
		with("d", short):                   "keys[0].d: must be 32 bytes",
		with("x", newKeys(t).Keys[0]["x"]): "keys[0].x: is not the public part of d",
		with("kty", "oct", "alg", "HS256", "k", short):  "keys[0].k: must be at least 32 bytes",
		keyset{[]map[string]string{good, good}}.text(t): "keys[1].kid: is the same",
	} {
		_, err := token.ParseKeys([]byte(text))
		require.ErrorIs(t, err, fault.Invalid, text)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), good["d"], "a key must not travel in an error")
	}
}

func TestSecretKeysSignToo(t *testing.T) {
	secret := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	v, ring, _ := verifier(t, token.Config{Keys: fmt.Sprintf(`{"keys":[{"kty":"oct","kid":"a","k":%q}]}`, secret)})
	created, err := ring.Keys().Create(writer)
	require.NoError(t, err)
	_, err = v.Verify(created.Text)
	require.NoError(t, err)
}

func TestAKeysFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, token.EnsureKeysFile(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, token.EnsureKeysFile(path))
	second, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, first, second)
	_, err = token.LoadKeys(token.Config{KeysFile: path})
	require.NoError(t, err)
	_, err = token.LoadKeys(token.Config{KeysFile: path + ".not"})
	require.ErrorContains(t, err, "does not exist")
}

func TestWhichCampaignARequestMeans(t *testing.T) {
	one := token.Identity{Role: token.Reader, Campaigns: []campaign.ID{7}}
	two := token.Identity{Role: token.Reader, Campaigns: []campaign.ID{7, 9}}
	none := token.Identity{Role: token.Operator}
	for _, c := range []struct {
		identity  token.Identity
		requested int64
		want      campaign.ID
		kind      fault.Kind
	}{
		{one, 0, 7, 0}, {one, 7, 7, 0}, {two, 9, 9, 0},
		{one, 9, 0, fault.Denied}, {two, 8, 0, fault.Denied}, {none, 7, 0, fault.Denied}, {none, 0, 0, fault.Denied},
		{two, 0, 0, fault.Invalid}, {one, -7, 0, fault.Invalid},
	} {
		id, err := c.identity.Campaign(c.requested)
		require.Equal(t, c.want, id)
		if c.want == 0 {
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, "campaign_id:")
		} else {
			require.NoError(t, err)
		}
	}
}
