package onemachine

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// readyTimeout bounds the wait between listening and answering.
const readyTimeout = 30 * time.Second

// awaitReady asks /readyz until it says yes, as whoever reads the ready file would.
func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	// The certificate may name another host than the loopback that is asked here.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // asks itself, sends nothing
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Second}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if answer, err := client.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "the server does not say that it is ready: see %s/readyz", url)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
