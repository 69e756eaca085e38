package bench

import (
	"context"
	"fmt"

	"github.com/ovasabi/ovasabi/internal/explain"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// explain runs one side of a call inside its campaign and asks the server what it
// did. It is planned as the services have it planned: for its values, or once for all.
func (f *fullSide) explain(ctx context.Context, c call, side twin.Side) (p explain.Plan, err error) {
	ctx = in(ctx, c.id)
	text, mode := c.read.plain, database.AutoPlan
	if t, ok := twin.Lookup(c.read.twin); ok {
		text = t.SQL(side)
		if side == twin.Optimised {
			mode = t.PlanMode()
		}
	}
	if mode == database.GenericPlan {
		p, err = explain.InMode(ctx, f.scope, mode, text, c.args...)
	} else {
		p, err = explain.Run(ctx, f.scope, text, c.args...)
	}
	if err != nil {
		err = fmt.Errorf("explain %s: %w", c.read.name, err)
	}
	return p, err
}
