package server_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/internal/apitest"
	"github.com/ovasabi/ovasabi/internal/token"
)

// tool runs a program that people use and returns what it printed.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	return string(out), err
}

// goTool runs a tool that tools/ pins; Go builds it once and keeps it.
func goTool(t *testing.T, modfile, name string, args ...string) (string, error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "tools", modfile))
	require.NoError(t, err)
	return tool(t, "go", append([]string{"tool", "-modfile=" + path, name}, args...)...)
}

func TestCurl(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	reader := a.Token(t, token.Reader, one)
	for _, protocol := range []string{"--http1.1", "--http2-prior-knowledge"} {
		out, err := tool(t, "curl", "-sS", protocol, "-w", "\n%{http_code} %{http_version}", "-H", "Authorization: Bearer "+reader,
			"-H", "Content-Type: application/json", "--data", "{}", a.URL+"/ovasabi.campaign.v1.CampaignService/GetCampaign")
		require.NoError(t, err, out)
		body, status, _ := strings.Cut(out, "\n")
		require.Regexp(t, `^200 (1\.1|2)$`, status)
		var answer struct{ Campaign struct{ ID, Slug string } }
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		require.Equal(t, one.String(), answer.Campaign.ID)
	}
}

func TestGrpcurl(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	reader := a.Token(t, token.Reader, one)
	address := strings.TrimPrefix(a.URL, "http://")
	grpcurl := func(args ...string) (string, error) {
		return goTool(t, "go.mod", "grpcurl", append([]string{"-plaintext"}, args...)...)
	}
	out, err := grpcurl("-H", "Authorization: Bearer "+reader, address, "list")
	require.NoError(t, err, out)
	require.Contains(t, out, "ovasabi.content.v1.ContentService")
	require.Contains(t, out, "ovasabi.nexus.v1.NexusService")

	out, err = grpcurl("-H", "Authorization: Bearer "+reader, "-d", `{"statuses": ["published"]}`, address, "ovasabi.content.v1.ContentService/ListContent")
	require.NoError(t, err, out)

	out, err = grpcurl("-H", "Authorization: Bearer "+reader, "-d", `{"page_size": -1}`, address, "ovasabi.content.v1.ContentService/ListContent")
	require.Error(t, err)
	require.Contains(t, out, "InvalidArgument")
	require.Contains(t, out, `"field": "page_size"`, "the detail must name the field")

	out, err = grpcurl("-reflect-header", "Authorization: Bearer "+reader, "-rpc-header", "Authorization: Bearer x", address, "ovasabi.content.v1.ContentService/ListContent")
	require.Error(t, err)
	require.Contains(t, out, "Unauthenticated")

	// The health service answers without a token; only its contract comes by reflection, which needs one.
	out, err = grpcurl("-reflect-header", "Authorization: Bearer "+reader, address, "grpc.health.v1.Health/Check")
	require.NoError(t, err, out)
	require.Contains(t, out, `"SERVING"`)
}

func TestBufCurl(t *testing.T) {
	a := apitest.Start(t)
	one := a.Campaign(t, "one")
	reader := a.Token(t, token.Reader, one)
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	for _, protocol := range []string{"connect", "grpc", "grpcweb"} {
		out, err := goTool(t, "buf/go.mod", "buf", "curl", "--schema", root, "--protocol", protocol, "--http2-prior-knowledge",
			"-H", "Authorization: Bearer "+reader, "--data", "{}", a.URL+"/ovasabi.campaign.v1.CampaignService/ListCampaigns")
		require.NoError(t, err, out)
		require.Regexp(t, `"slug": ?"one"`, out, protocol)
	}
	out, err := goTool(t, "buf/go.mod", "buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge",
		"--reflect-header", "Authorization: Bearer "+reader, "-H", "Authorization: Bearer "+reader,
		"--data", `{"campaign_id": 999}`, a.URL+"/ovasabi.campaign.v1.CampaignService/GetCampaign")
	require.Error(t, err)
	require.Contains(t, out, "permission_denied")
}
