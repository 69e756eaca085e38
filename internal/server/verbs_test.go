package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/pgtest"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
)

// verbs are calls that work one after the other on an empty campaign of the id 1,
// with what the answer must hold.
var verbs = []struct{ procedure, body, want string }{
	{"campaign.v1.CampaignService/CreateCampaign", `{"slug": "second", "name": "Second"}`, `"slug":"second"`},
	{"campaign.v1.CampaignService/ListCampaigns", `{"all": true}`, `"slug":"second"`},
	{"campaign.v1.CampaignService/GetCampaign", `{}`, `"slug":"one"`},
	{"campaign.v1.CampaignService/UpdateCampaign", `{"version": 1, "name": "New"}`, `"name":"New"`},
	{"campaign.v1.CampaignService/SetCampaignLimits", `{"campaign_id": 1, "version": "2", "limits": {"max_rate": 1000}}`, `"maxRate":1000`},
	{"campaign.v1.CampaignService/ArchiveCampaign", `{"campaign_id": 2}`, `"status":"archived"`},
	{"campaign.v1.CampaignService/RestoreCampaign", `{"campaign_id": 2}`, `"status":"active"`},
	{"campaign.v1.CampaignService/GetCampaignUsage", `{}`, `"table":"service_user_main"`},

	{"content.v1.ContentService/CreateContent", `{"content": {"slug": "a", "title": "Rows", "body": "security", "tags": ["x"]}}`, `"id":"1"`},
	{"content.v1.ContentService/BatchCreateContent", `{"contents": [{"slug": "a", "title": "a"}, {"slug": "b", "title": "b"}]}`, `"created":1`},
	{"content.v1.ContentService/GetContent", `{"slug": "a"}`, `"body":"security"`},
	{"content.v1.ContentService/BatchGetContent", `{"ids": [1, 99]}`, `"missingIds":["99"]`},
	{"content.v1.ContentService/UpdateContent", `{"id": 1, "version": 1, "status": "published"}`, `"status":"published"`},
	{"content.v1.ContentService/ListContent", `{"statuses": ["published"]}`, `"slug":"a"`},
	{"content.v1.ContentService/SearchContent", `{"query": "securities"}`, `"match":true`},
	{"content.v1.ContentService/ListContentTags", `{}`, `"tag":"x"`},
	{"content.v1.ContentService/DeleteContent", `{"id": 1}`, `{}`},

	{"user.v1.UserService/CreateUser", `{"user": {"email": "a@example.org", "first_name": "Ada", "last_name": "Lovelace"}}`, `"displayName":"Ada Lovelace"`},
	{"user.v1.UserService/BatchCreateUsers", `{"users": [{"email": "b@example.org"}]}`, `"created":1`},
	{"user.v1.UserService/GetUser", `{"email": "A@EXAMPLE.ORG"}`, `"displayName":"Ada Lovelace"`},
	{"user.v1.UserService/BatchGetUsers", `{"ids": ["1"]}`, `"displayName":"Ada Lovelace"`},
	{"user.v1.UserService/UpdateUser", `{"id": 1, "version": 1, "username": "ada"}`, `"username":"ada"`},
	{"user.v1.UserService/RecordLogin", `{"id": 1, "at": "2026-01-02T03:04:05Z"}`, `"lastLoginAt":"2026-01-02T03:04:05Z"`},
	{"user.v1.UserService/ListActiveUsers", `{"since": "2026-01-01T00:00:00Z"}`, `"username":"ada"`},
	{"user.v1.UserService/ListUsers", `{}`, `"email":"b@example.org"`},
	{"user.v1.UserService/DeleteUser", `{"id": 1, "version": 2}`, `{}`},

	{"product.v1.ProductService/CreateProduct", `{"product": {"sku": "a", "name": "A", "price": "10", "metadata": {"tax_rate": 0.19}}}`, `"priceWithTax":"11.90"`},
	{"product.v1.ProductService/BatchUpsertProducts", `{"products": [{"sku": "b", "name": "B", "price": "1"}]}`, `"OUTCOME_CREATED"`},
	{"product.v1.ProductService/GetProduct", `{"sku": "a"}`, `"priceWithTax":"11.90"`},
	{"product.v1.ProductService/BatchGetProducts", `{"ids": [1]}`, `"priceWithTax":"11.90"`},
	{"product.v1.ProductService/UpdateProduct", `{"id": 1, "version": 1, "price": "20.00"}`, `"priceWithTax":"23.80"`},
	{"product.v1.ProductService/ListProducts", `{"order": "PRODUCT_ORDER_PRICE_DESC"}`, `"sku":"b"`},
	{"product.v1.ProductService/DeleteProduct", `{"id": 1}`, `{}`},

	{"nexus.v1.NexusService/ListEvents", `{}`, `{}`},
}

// Every verb by curl, over every phase of the schema: a schema that was rolled
// back changes no answer.
func TestEveryVerb(t *testing.T) {
	for phase := 1; phase <= 3; phase++ {
		t.Run(fmt.Sprint("phase ", phase), func(t *testing.T) {
			var services []server.Service
			a := apitest.StartOn(t, pgtest.New(t, pgtest.Phase(phase)), func(_ *server.Config, d *server.Dependencies) { services = d.Services })
			operator := a.Token(t, token.Operator, a.Campaign(t, "one"))
			called := map[string]bool{}
			for _, verb := range verbs {
				called["/ovasabi."+verb.procedure] = true
				out, err := tool(t, "curl", "-sS", "-w", "\n%{http_code}", "-H", "Authorization: Bearer "+operator,
					"-H", "Content-Type: application/json", "--data", verb.body, a.URL+"/ovasabi."+verb.procedure)
				require.NoError(t, err, out)
				body, status, _ := strings.Cut(out, "\n")
				require.Equal(t, "200", status, "%s: %s", verb.procedure, body)
				require.Contains(t, compact(t, body), verb.want, verb.procedure)
			}
			for _, service := range services {
				for procedure := range service.Access {
					if !isStream(t, procedure) && !strings.Contains(procedure, "/Emit") { // those are tried with the processor of events
						require.True(t, called[procedure], "%s is not tried", procedure)
					}
				}
			}
		})
	}
}

// compact takes out the blanks that protojson puts in at random.
func compact(t *testing.T, text string) string {
	t.Helper()
	var value json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &value), text)
	short, err := json.Marshal(value)
	require.NoError(t, err)
	return string(short)
}

func isStream(t *testing.T, procedure string) bool {
	t.Helper()
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(procedure, "/"), "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	require.NoError(t, err)
	method, ok := found.(protoreflect.MethodDescriptor)
	require.True(t, ok)
	return method.IsStreamingClient() || method.IsStreamingServer()
}

// A role may do what the smaller ones may, and no procedure takes a smaller role than it says.
func TestEveryProcedureAsksForItsRole(t *testing.T) {
	var services []server.Service
	a := apitest.Start(t, func(_ *server.Config, d *server.Dependencies) { services = d.Services })
	one := a.Campaign(t, "one")
	tokens := map[token.Role]string{}
	for role := token.Reader; role <= token.Operator; role++ {
		tokens[role] = a.Token(t, role, one)
	}
	tried := 0
	for _, service := range services {
		for procedure, access := range service.Access {
			if isStream(t, procedure) {
				continue
			}
			for role, text := range tokens {
				got := call(t, a.URL, text, procedure, `{"campaign_id": "not a number"}`)
				if role < access.Role {
					require.Equal(t, 403, got.status, "%s as %s", procedure, role)
					tried++
				} else {
					require.NotEqual(t, 403, got.status, "%s as %s: %s", procedure, role, got.body)
				}
			}
		}
	}
	require.Greater(t, tried, 20)
}
