// Package schema holds the tables of the platform in four phases, and what
// applies and reverts them: goose, one migrator at a time, every statement under
// a lock_timeout and tried again.
package schema

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

//go:embed sql/*.sql
var files embed.FS

// Phase is one of the four steps of the plan. Phase 0 is an empty database.
type Phase int

// The phases. A migration's version is its phase times 100 and its place within
// the phase: 00203 is the third migration of phase 2.
const (
	Empty            Phase = 0
	Foundation       Phase = 1
	GeneratedColumns Phase = 2
	Indexes          Phase = 3
	Advanced         Phase = 4
)

const perPhase = 100

// String names the phase as `migrate status` prints it.
func (p Phase) String() string {
	switch p {
	case Empty:
		return "empty"
	case Foundation:
		return "foundation"
	case GeneratedColumns:
		return "generated columns"
	case Indexes:
		return "indexes and partitions"
	case Advanced:
		return "batching and monitoring"
	default:
		return "unknown"
	}
}

// lastVersion is the highest version that may belong to the phase.
func (p Phase) lastVersion() int64 { return int64(p+1)*perPhase - 1 }

func phaseOf(version int64) Phase { return Phase(version / perPhase) }

// ParsePhase checks a phase given on the command line, as in --to 2.
func ParsePhase(n int) (Phase, error) {
	if n < int(Empty) || n > int(Latest()) {
		return 0, fault.Field("to", "must be a phase from 0 to %d, not %d", Latest(), n)
	}
	return Phase(n), nil
}

// Latest returns the newest phase that this binary has migrations for.
func Latest() Phase {
	latest := Empty
	for _, m := range migrations() {
		latest = max(latest, phaseOf(m.version))
	}
	return latest
}

// Fingerprint identifies the set of migrations: it changes when any of them does.
func Fingerprint() string {
	h := sha256.New()
	for _, m := range migrations() {
		h.Write([]byte(m.name))
		h.Write([]byte(m.text))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func sqlFiles() fs.FS {
	sub, err := fs.Sub(files, "sql")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}
