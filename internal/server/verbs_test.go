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

// Every verb by curl, over every phase of the schema: a schema that was rolled
// back changes no answer.
func TestEveryVerb(t *testing.T) {
	for phase := 1; phase <= 3; phase++ {
		t.Run(fmt.Sprint("phase ", phase), func(t *testing.T) {
			var services []server.Service
			a := apitest.StartOn(t, pgtest.New(t, pgtest.Phase(phase)), func(_ *server.Config, d *server.Dependencies) { services = d.Services })
			operator := a.Token(t, token.Operator, a.Campaign(t, "one"))
			called := map[string]bool{}
			for _, verb := range apitest.Verbs {
				called["/ovasabi."+verb.Procedure] = true
				if isStream(t, "/ovasabi."+verb.Procedure) {
					continue // cmd/ovasabi tries those too, with every client
				}
				out, err := tool(t, "curl", "-sS", "-w", "\n%{http_code}", "-H", "Authorization: Bearer "+operator,
					"-H", "Content-Type: application/json", "--data", verb.Body, a.URL+"/ovasabi."+verb.Procedure)
				require.NoError(t, err, out)
				body, status, _ := strings.Cut(out, "\n")
				require.Equal(t, "200", status, "%s: %s", verb.Procedure, body)
				require.Contains(t, compact(t, body), verb.Want, verb.Procedure)
			}
			for _, service := range services {
				for procedure := range service.Access {
					require.True(t, called[procedure], "%s is not tried", procedure)
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
