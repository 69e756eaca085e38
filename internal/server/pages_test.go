package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
)

func TestTheDocumentDescribesEveryProcedure(t *testing.T) {
	var services []server.Service
	a := apitest.Start(t, func(_ *server.Config, d *server.Dependencies) { services = d.Services })
	reader := a.Token(t, token.Reader, 1)
	got := send(t, http.MethodGet, a.URL+"/openapi.json", "", "Authorization", "Bearer "+reader)
	require.Equal(t, 200, got.status)
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`

		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description string
					Ref         string `json:"$ref"`
					Items       struct {
						Ref string `json:"$ref"`
					}
					OneOf []any
				}
				OneOf []struct {
					Properties map[string]struct{ Description string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &document))
	require.Equal(t, "3.1.0", document.OpenAPI)
	for _, service := range services {
		for procedure := range service.Access {
			require.Contains(t, document.Paths, procedure)
		}
	}
	require.NotContains(t, got.body, "buf.validate", "the rules must read as JSON Schema")

	// Every field says what it is, and shows a value; a message shows those of its own fields.
	fields := 0
	isMessage := func(ref string) bool {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		return strings.HasPrefix(name, "ovasabi.") && len(document.Components.Schemas[name].Properties) > 0
	}
	for name, schema := range document.Components.Schemas {
		if !strings.HasPrefix(name, "ovasabi.") {
			continue
		}
		for field, p := range schema.Properties {
			fields++
			require.NotEmpty(t, p.Description, "%s.%s", name, field)
			if !isMessage(p.Ref) && !isMessage(p.Items.Ref) {
				require.Contains(t, p.Description, "xample", "%s.%s", name, field)
			}
		}
	}
	require.Greater(t, fields, 200)
}

// The page must work without the network: everything that it names is this server's.
func TestTheDocumentationNeedsNoNetwork(t *testing.T) {
	a := apitest.Start(t)
	reader := a.Token(t, token.Reader, 1)
	page := send(t, http.MethodGet, a.URL+"/docs/", "", "Authorization", "Bearer "+reader)
	require.Equal(t, 200, page.status)
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'")
	names := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		target, err := url.Parse(a.URL + "/docs/")
		require.NoError(t, err)
		target, err = target.Parse(name[1])
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(target.String(), a.URL), name[1])
		require.Equal(t, 200, send(t, http.MethodGet, target.String(), "", "Authorization", "Bearer "+reader).status, name[1])
	}
	require.Equal(t, "/docs/", send(t, http.MethodGet, a.URL+"/docs", "").header.Get("Location"))
}

func TestABrowserGivesItsTokenOnce(t *testing.T) {
	a := apitest.Start(t)
	reader := a.Token(t, token.Reader, 1)
	asked := send(t, http.MethodGet, a.URL+"/docs/?x=%22%3E%3Cscript%3E", "", "Accept", "text/html")
	require.Equal(t, 401, asked.status)
	require.Contains(t, asked.body, `<form method="post" action="/login">`)
	require.NotContains(t, asked.body, `"><script>`)

	form := func(text, next string) answer {
		return send(t, http.MethodPost, a.URL+"/login", url.Values{"token": {text}, "next": {next}}.Encode(),
			"Content-Type", "application/x-www-form-urlencoded")
	}
	bad := form("nonsense", "/docs/")
	require.Equal(t, 401, bad.status)
	require.Contains(t, bad.body, "cannot be read")
	require.NotContains(t, bad.body, "nonsense")
	require.Equal(t, 401, form(strings.Repeat("a", 1<<20), "/").status)

	good := form(" "+reader+"\n", "/docs/")
	require.Equal(t, 303, good.status)
	require.Equal(t, "/docs/", good.header.Get("Location"))
	require.Equal(t, "/", form(reader, "//evil.example/").header.Get("Location"))
	require.Equal(t, "/", form(reader, "https://evil.example/").header.Get("Location"))

	cookies, err := http.ParseSetCookie(good.header.Get("Set-Cookie"))
	require.NoError(t, err)
	require.True(t, cookies.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookies.SameSite)
	require.WithinDuration(t, time.Now().Add(time.Hour), cookies.Expires, time.Minute)
	cookie := []string{"Cookie", cookies.Name + "=" + cookies.Value}
	require.Equal(t, 200, send(t, http.MethodGet, a.URL+"/docs/", "", cookie...).status)

	// A cookie is sent by itself, so it opens pages and never a procedure.
	require.Equal(t, 401, send(t, http.MethodPost, a.URL+listContent, "{}", append(cookie, "Content-Type", "application/json")...).status)
	out := send(t, http.MethodPost, a.URL+"/logout", "", cookie...)
	require.Equal(t, 303, out.status)
	require.Contains(t, out.header.Get("Set-Cookie"), "ovasabi_token=;")
}
