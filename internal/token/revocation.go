package token

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	// readEvery is how often revocations are read: a revoked token works no longer than this.
	readEvery = 2 * time.Second
	// staleAfter is how long the last reading counts. A revocation that cannot be
	// read for so long lets nobody in any more.
	staleAfter = 30 * time.Second
	// readTimeout bounds one reading.
	readTimeout = 5 * time.Second
	// purgeEvery is how often revocations of expired tokens are removed.
	purgeEvery = time.Hour
)

// Revocations knows which tokens were taken back. It is safe for concurrent use.
// Until the table has been read once nobody is let in.
type Revocations struct {
	repository revocationRepository
	log        *slog.Logger
	current    atomic.Pointer[revoked]
}

type revoked struct {
	ids    map[string]struct{}
	readAt time.Time
}

// NewRevocations returns a list over the pool; the table belongs to no campaign.
func NewRevocations(db database.Querier, log *slog.Logger) *Revocations {
	return &Revocations{repository: revocationRepository{db}, log: log}
}

// Run reads the table every two seconds until ctx ends.
func (r *Revocations) Run(ctx context.Context) {
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	failing := false
	purged := time.Now()
	for {
		err := r.Refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.log.Warn("revoked tokens cannot be read", slog.String("error", err.Error()), slog.Duration("refuse_all_after", staleAfter))
		}
		failing = err != nil
		if err == nil && time.Since(purged) > purgeEvery {
			purged = time.Now()
			if err := r.repository.purge(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("revocations of expired tokens cannot be removed", slog.String("error", err.Error()))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Refresh reads the table now.
func (r *Revocations) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	readAt := time.Now()
	ids, err := r.repository.list(ctx)
	if err != nil {
		return err
	}
	next := &revoked{ids: make(map[string]struct{}, len(ids)), readAt: readAt}
	for _, id := range ids {
		next.ids[id] = struct{}{}
	}
	r.current.Store(next)
	return nil
}

// Ready returns an Unavailable fault while nobody is let in because the table could not be read.
func (r *Revocations) Ready(context.Context) error {
	now := r.current.Load()
	if now == nil || time.Since(now.readAt) > staleAfter {
		return fault.New(fault.Unavailable, "revoked tokens cannot be read from the database; try again")
	}
	return nil
}

// Revoke takes a token back by its id, here at once and elsewhere within two
// seconds. expires is the token's own expiry, after which the row may go.
func (r *Revocations) Revoke(ctx context.Context, tokenID string, expires time.Time) error {
	if tokenID == "" || len(tokenID) > 200 {
		return fault.Field("token_id", "must be 1 to 200 bytes long")
	}
	if err := r.repository.insert(ctx, tokenID, expires); err != nil {
		return err
	}
	return r.Refresh(ctx)
}

func (r *Revocations) check(tokenID string) error {
	if err := r.Ready(context.Background()); err != nil {
		return err
	}
	if _, is := r.current.Load().ids[tokenID]; is {
		return ErrRevoked
	}
	return nil
}
