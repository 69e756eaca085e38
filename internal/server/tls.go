package server

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// certificate holds a certificate and reads it again when its file changes, so
// that it is renewed without a restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed time.Time // modification time of the file in force
	current *tls.Certificate
}

// lookAtCertificate is the least time between two looks at the file.
const lookAtCertificate = 5 * time.Second

func newCertificate(c Config, log *slog.Logger) (*certificate, error) {
	k := &certificate{certFile: c.TLSCert, keyFile: c.TLSKey, log: log}
	if err := k.read(); err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Field: "tls-cert",
			Message: "certificate and key cannot be read, or do not belong together", Err: err}
	}
	return k, nil
}

func (k *certificate) read() error {
	info, err := os.Stat(k.certFile)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return err
	}
	k.current, k.changed, k.looked = &pair, info.ModTime(), time.Now()
	return nil
}

// get returns the certificate in force, for tls.Config.GetCertificate.
func (k *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookAtCertificate {
		return k.current, nil
	}
	k.looked = time.Now()
	if info, err := os.Stat(k.certFile); err == nil && info.ModTime().Equal(k.changed) {
		return k.current, nil
	}
	if err := k.read(); err != nil {
		k.log.Error("the certificate changed and cannot be read: the one before stays in force", slog.String("file", k.certFile))
	}
	return k.current, nil
}
