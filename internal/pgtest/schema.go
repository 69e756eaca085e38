package pgtest

import (
	"context"
	"fmt"

	"github.com/ovasabi/ovasabi/internal/schema"
)

// Phase is a database with the schema up to a phase, from 0 (nothing) to the newest.
// The number is not checked here: a phase that does not exist fails the test.
func Phase(phase int) Option {
	return func() templateSpec {
		return templateSpec{
			name: fmt.Sprintf("schema %s phase %d", schema.Fingerprint(), phase),
			build: func(ctx context.Context, ownerURL string) error {
				to, err := schema.ParsePhase(phase)
				if err != nil {
					return err
				}
				return schema.Up(ctx, ownerURL, to, schema.Options{})
			},
		}
	}
}

// newest is what New takes without an option.
func newest() templateSpec { return Phase(int(schema.Latest()))() }
