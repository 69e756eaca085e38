package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// metricsDoor lets in an operator's token, the secret of the metrics token file,
// and, where the configuration says so, whoever is on this machine.
type metricsDoor struct {
	secret   *[sha256.Size]byte
	loopback bool
}

func newMetricsDoor(c Config) (metricsDoor, error) {
	d := metricsDoor{loopback: c.MetricsLoopback}
	if c.MetricsTokenFile == "" {
		return d, nil
	}
	text, err := os.ReadFile(c.MetricsTokenFile)
	if err != nil {
		return d, &fault.Error{Kind: fault.Invalid, Field: "metrics-token-file", Message: "cannot be read", Err: err}
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < 16 {
		return d, fault.Field("metrics-token-file", "must hold a secret of at least 16 bytes")
	}
	sum := sha256.Sum256([]byte(secret))
	d.secret = &sum
	return d, nil
}

// opens reports whether the request may read figures without an operator's token.
func (d metricsDoor) opens(r *http.Request) bool {
	if text := bearer(r.Header); text != "" && d.secret != nil {
		sum := sha256.Sum256([]byte(text))
		return subtle.ConstantTimeCompare(sum[:], d.secret[:]) == 1
	}
	return d.loopback && isLocal(r)
}

// isLocal reports whether the client runs on this machine. A proxy on this
// machine speaks for others, and says so in its headers.
func isLocal(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (s *Server) metrics() http.Handler {
	figures := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry, EnableOpenMetrics: true})
	asOperator := s.protect(Route{Pattern: "/metrics", Role: token.Operator, Handler: figures, Page: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.metricsDoor.opens(r) {
			figures.ServeHTTP(w, r)
			return
		}
		asOperator.ServeHTTP(w, r)
	})
}
