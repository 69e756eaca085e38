package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadySaysWhatAProcessWaitsFor(t *testing.T) {
	var asked atomic.Int64
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/readyz", r.URL.Path)
		if asked.Add(1) < 4 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"ready": false, "waiting_for": [{"name": "database", "reason": "cannot be reached"}]}`))
		}
	}))
	defer door.Close()
	addr := strings.TrimPrefix(door.URL, "http://")

	code, out, err := do(t, "", "ready", "--addr", addr)
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, err, "not ready, waiting for database: cannot be reached")

	// All addresses are asked through the loopback one, and again until it is ready.
	code, out, err = do(t, "", "ready", "--addr", strings.Replace(addr, "127.0.0.1", "0.0.0.0", 1), "--wait", "30s")
	require.Equal(t, exitDone, code, err)
	require.Equal(t, "ready\n", out)
	require.Equal(t, int64(4), asked.Load())

	door.Close()
	code, _, err = do(t, "", "ready", "--addr", addr)
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "does not answer")
	code, _, err = do(t, "", "ready", "--addr", "127.0.0.1:0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "addr: must be HOST:PORT")
}

func TestReadyTrustsOnlyTheCertificateThatIsNamed(t *testing.T) {
	door := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer door.Close()
	addr := strings.TrimPrefix(door.URL, "https://")
	own := filepath.Join(t.TempDir(), "own.pem")
	require.NoError(t, os.WriteFile(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: door.Certificate().Raw}), 0o600))
	code, out, err := do(t, "", "ready", "--addr", addr, "--tls-cert", own)
	require.Equal(t, exitDone, code, err)
	require.Equal(t, "ready\n", out)

	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.TLS = &tls.Config{Certificates: []tls.Certificate{otherCertificate(t)}}
	other.StartTLS()
	defer other.Close()
	code, _, err = do(t, "", "ready", "--addr", strings.TrimPrefix(other.URL, "https://"), "--tls-cert", own)
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "certificate")
	code, _, err = do(t, "", "ready", "--addr", addr, "--tls-cert", "/no/such/file")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "tls-cert: cannot be read")
}

// otherCertificate is for the same address, and is not the one in the file.
func otherCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
