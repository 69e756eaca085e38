package token

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how often the file of keys is looked at.
	lookEvery = 2 * time.Second
	// lookAgainAfter is the least time between two looks that an unknown key causes.
	lookAgainAfter = time.Second
)

// Ring holds the keys in force and follows their file. It is safe for concurrent use.
type Ring struct {
	config  Config
	log     *slog.Logger
	current atomic.Pointer[Keys]

	mu     sync.Mutex
	looked time.Time
	failed [sha256.Size]byte // what was read last and was no set of keys; logged once
	silent bool              // the file could not be read at the last look; logged once
}

// NewRing reads the keys once; a set that cannot be read is an error.
func NewRing(c Config, log *slog.Logger) (*Ring, error) {
	keys, err := LoadKeys(c)
	if err != nil {
		return nil, err
	}
	r := &Ring{config: c, log: log, looked: time.Now()}
	r.current.Store(keys)
	return r, nil
}

// Keys returns the keys in force.
func (r *Ring) Keys() *Keys { return r.current.Load() }

// Run follows the file of keys until ctx ends. A set that cannot be read is
// logged, and the keys before it stay in force.
func (r *Ring) Run(ctx context.Context) {
	if r.config.KeysFile == "" {
		return
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.look()
		}
	}
}

// lookAgain looks at the file now, unless somebody just did. It reports whether it looked.
func (r *Ring) lookAgain() bool {
	if r.config.KeysFile == "" {
		return false
	}
	r.mu.Lock()
	recently := time.Since(r.looked) < lookAgainAfter
	r.mu.Unlock()
	if recently {
		return false
	}
	r.look()
	return true
}

func (r *Ring) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = time.Now()
	text, err := r.config.read()
	if err != nil {
		if !r.silent {
			r.log.Error("the keys of tokens cannot be read: those read before stay in force", slog.String("error", err.Error()))
		}
		r.silent = true
		return
	}
	r.silent = false
	sum := sha256.Sum256(text)
	if sum == r.current.Load().sum || sum == r.failed {
		return
	}
	keys, err := ParseKeys(text)
	if err != nil {
		r.failed = sum
		r.log.Error("the keys of tokens changed and are wrong: those read before stay in force",
			slog.String("file", r.config.KeysFile), slog.String("error", err.Error()))
		return
	}
	r.current.Store(keys)
	r.log.Info("the keys of tokens changed", slog.String("file", r.config.KeysFile), slog.Int("keys", len(keys.byID)))
}
