package server

import (
	"net"
	"net/url"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Config says where and how the server listens. kong reads the tags.
type Config struct {
	// Addr is HOST:PORT; port 0 takes a free one.
	Addr string `name:"addr" env:"OVASABI_ADDR" default:"127.0.0.1:8080" help:"Address to listen on, HOST:PORT; port 0 takes a free one."`
	// TLSCert and TLSKey are PEM files, given together; without them the port speaks plain HTTP.
	TLSCert string `name:"tls-cert" env:"OVASABI_TLS_CERT" type:"path" help:"Certificate (PEM); given with --tls-key the port speaks TLS. Read again when it changes."`
	TLSKey  string `name:"tls-key" env:"OVASABI_TLS_KEY" type:"path" help:"Private key of the certificate (PEM)."`

	// MaxRequestBytes bounds a message, before and after decompression. 1 KiB to 256 MiB.
	MaxRequestBytes int `name:"max-request-bytes" env:"OVASABI_MAX_REQUEST_BYTES" default:"8388608" help:"Largest request message, in bytes."`
	// MaxHeaderBytes bounds the headers of a request. 4 KiB to 1 MiB.
	MaxHeaderBytes int `name:"max-header-bytes" env:"OVASABI_MAX_HEADER_BYTES" default:"32768" help:"Largest request headers, in bytes."`
	// HeaderTimeout bounds the reading of a request's headers. More than 0.
	HeaderTimeout time.Duration `name:"header-timeout" env:"OVASABI_HEADER_TIMEOUT" default:"5s" help:"Longest time for a client to send its headers."`
	// RequestTimeout bounds a unary call from its first byte to its answer, a slow client included. More than 0.
	RequestTimeout time.Duration `name:"request-timeout" env:"OVASABI_REQUEST_TIMEOUT" default:"60s" help:"Longest unary call, sending the request included."`
	// IdleTimeout closes a connection on which nothing happens. More than 0.
	IdleTimeout time.Duration `name:"idle-timeout" env:"OVASABI_IDLE_TIMEOUT" default:"2m" help:"Longest time for a connection to be idle."`
	// ShutdownTimeout bounds the draining at the end. More than 0.
	ShutdownTimeout time.Duration `name:"shutdown-timeout" env:"OVASABI_SHUTDOWN_TIMEOUT" default:"15s" help:"Longest time for calls under way to end at shutdown."`
	// ShutdownDelay keeps serving while /readyz already says no, so that a load balancer looks away first. 0 or more.
	ShutdownDelay time.Duration `name:"shutdown-delay" env:"OVASABI_SHUTDOWN_DELAY" default:"0s" help:"Time between answering not ready and closing the port."`

	// RatePerToken is requests a second for each token, streams counted once; 0 is without limit.
	RatePerToken float64 `name:"rate-per-token" env:"OVASABI_RATE_PER_TOKEN" default:"2000" help:"Requests a second for each token (0: without limit)."`
	// RateBurst is how many requests a token may send at once. At least 1.
	RateBurst int `name:"rate-burst" env:"OVASABI_RATE_BURST" default:"4000" help:"Requests that a token may send at once."`

	// CORSOrigins are the origins whose pages may call, such as "https://app.example.org". Empty: none.
	CORSOrigins []string `name:"cors-origin" env:"OVASABI_CORS_ORIGINS" help:"Origins whose pages may call the API (none unless given)."`
	// MetricsLoopback lets a caller on this machine read /metrics without a token,
	// unless the request came through a proxy.
	MetricsLoopback bool `name:"metrics-loopback" env:"OVASABI_METRICS_LOOPBACK" default:"false" help:"Let this machine read /metrics without a token."`
	// MetricsTokenFile holds a secret of at least 16 bytes that /metrics takes as a
	// bearer token, for Prometheus (authorization.credentials_file). Read at the start.
	MetricsTokenFile string `name:"metrics-token-file" env:"OVASABI_METRICS_TOKEN_FILE" type:"path" help:"File with a secret that lets Prometheus read /metrics as a bearer."`
	// AccessLog writes a line for every request, not only for those that fail.
	AccessLog bool `name:"access-log" env:"OVASABI_ACCESS_LOG" default:"false" help:"Log every request."`
}

// DefaultConfig returns the defaults of the tags, for a program without a command line.
func DefaultConfig() Config {
	return Config{
		Addr:            "127.0.0.1:8080",
		MaxRequestBytes: 8 << 20, MaxHeaderBytes: 32 << 10,
		HeaderTimeout: 5 * time.Second, RequestTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ShutdownTimeout: 15 * time.Second,
		RatePerToken:    2000, RateBurst: 4000,
	}
}

// Validate returns an Invalid fault naming the first field, by its flag, that is wrong.
func (c Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fault.Field("addr", "must be HOST:PORT, such as 127.0.0.1:8080")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fault.Field("tls-cert", "must be given together with tls-key")
	}
	if c.MaxRequestBytes < 1<<10 || c.MaxRequestBytes > 256<<20 {
		return fault.Field("max-request-bytes", "must be from 1024 to 268435456, not %d", c.MaxRequestBytes)
	}
	if c.MaxHeaderBytes < 4<<10 || c.MaxHeaderBytes > 1<<20 {
		return fault.Field("max-header-bytes", "must be from 4096 to 1048576, not %d", c.MaxHeaderBytes)
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"header-timeout", c.HeaderTimeout}, {"request-timeout", c.RequestTimeout},
		{"idle-timeout", c.IdleTimeout}, {"shutdown-timeout", c.ShutdownTimeout},
	} {
		if d.value <= 0 {
			return fault.Field(d.flag, "must be more than 0, not %s", d.value)
		}
	}
	if c.ShutdownDelay < 0 {
		return fault.Field("shutdown-delay", "must not be negative, not %s", c.ShutdownDelay)
	}
	if !(c.RatePerToken >= 0) {
		return fault.Field("rate-per-token", "must be 0 or more, not %g", c.RatePerToken)
	}
	if c.RatePerToken > 0 && c.RateBurst < 1 {
		return fault.Field("rate-burst", "must be at least 1, not %d", c.RateBurst)
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || origin != u.Scheme+"://"+u.Host {
			return fault.Field("cors-origin", `must be a scheme and a host, such as "https://app.example.org"`)
		}
	}
	return nil
}
