package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// readyCmd is for health checks of containers and units, whose images have no curl.
type readyCmd struct {
	Addr    string        `name:"addr" env:"OVASABI_ADDR" default:"127.0.0.1:8080" help:"Address that the process listens on; of all addresses (0.0.0.0) the loopback one is asked."`
	TLSCert string        `name:"tls-cert" env:"OVASABI_TLS_CERT" type:"path" help:"Certificate (PEM) that the process shows, where its port speaks TLS."`
	Wait    time.Duration `name:"wait" env:"OVASABI_READY_WAIT" default:"0s" help:"How long to ask again while the process is not ready."`
}

// askTime bounds one question: the server gives its checks two seconds.
const askTime = 5 * time.Second

// Run asks /readyz and fails with what is waited for.
func (c readyCmd) Run(ctx context.Context, t terminal) error {
	client, url, err := c.client()
	if err != nil {
		return usage(err)
	}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(c.Wait)
	for attempt := 1; ; attempt++ {
		err := ask(ctx, client, url)
		if err == nil {
			fmt.Fprintln(t.out, "ready")
			return nil
		}
		if ctx.Err() != nil || !time.Now().Before(deadline) {
			return err
		}
		if err := database.Pause(ctx, attempt); err != nil {
			return fault.FromPostgres(err)
		}
	}
}

func (c readyCmd) client() (*http.Client, string, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || port == "0" || port == "" {
		return nil, "", fault.Field("addr", "must be HOST:PORT of a process that runs, such as 127.0.0.1:8080")
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: askTime}).DialContext}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
		if transport.TLSClientConfig, err = trusting(c.TLSCert); err != nil {
			return nil, "", err
		}
	}
	return &http.Client{Transport: transport, Timeout: askTime}, scheme + "://" + net.JoinHostPort(host, port) + "/readyz", nil
}

// trusting accepts the one certificate that stands in the file, under its own name.
func trusting(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "tls-cert", Message: "cannot be read", Err: err}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fault.Field("tls-cert", "%s holds no certificate (PEM)", file)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "tls-cert", Message: file + " holds no certificate", Err: err}
	}
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return nil, fault.Field("tls-cert", "the certificate in %s is for no name and no address", file)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	// A wildcard stands for any name; the certificate is the one in the file all the same.
	return &tls.Config{RootCAs: roots, ServerName: strings.Replace(names[0], "*", "ready", 1), MinVersion: tls.VersionTLS12}, nil
}

// ask returns nil from a process that is ready, or what it waits for.
func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fault.Field("addr", "makes no address: %s", url)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fault.New(fault.Unavailable, "%s does not answer: is ovasabi serve running, and at this address? %w", url, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var body struct {
		WaitingFor []server.Waiting `json:"waiting_for"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&body); err != nil || len(body.WaitingFor) == 0 {
		return fault.New(fault.Unavailable, "%s answers %s", url, answer.Status)
	}
	waiting := make([]string, len(body.WaitingFor))
	for i, w := range body.WaitingFor {
		waiting[i] = w.Name + ": " + w.Reason
	}
	return fault.New(fault.Unavailable, "not ready, waiting for %s", strings.Join(waiting, "; "))
}
