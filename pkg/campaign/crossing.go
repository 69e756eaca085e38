package campaign

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const auditSQL = `
INSERT INTO ovasabi.campaign_crossing (reason)
VALUES ($1)`

// AcrossCampaigns runs fn in a transaction that sees the rows of every campaign.
// It is the one way out of a scope.
//
// The reason, 3 to 500 characters for the person who reads the audit, is
// committed to ovasabi.campaign_crossing before fn runs, so that a crossing that
// fails or is rolled back leaves its row as well. The connection's role must be
// allowed to enter the crossing role; otherwise a Denied fault is returned and
// nothing was seen. The campaign of the context, if any, plays no part.
func (s *Scope) AcrossCampaigns(ctx context.Context, reason string, o database.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	reason = strings.TrimSpace(reason)
	if n := len([]rune(reason)); n < 3 || n > 500 {
		return fault.Field("reason", "must say in 3 to 500 characters why all campaigns are looked at")
	}
	enter := "SET LOCAL ROLE " + pgx.Identifier{s.crossingRole}.Sanitize()

	audit := &pgx.Batch{}
	audit.Queue(enter)
	audit.Queue(auditSQL, reason)
	if err := s.pool.SendBatch(ctx, audit).Close(); err != nil {
		return crossingFault(err)
	}
	if o.Counters == nil {
		o.Counters = s.transactions
	}
	return database.InTx(ctx, crossingBeginner{s, enter}, o, fn)
}

type crossingBeginner struct {
	scope *Scope
	enter string
}

// BeginTx begins and enters the crossing role in one round trip.
func (c crossingBeginner) BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) {
	begin, err := beginSQL(o)
	if err != nil {
		return nil, err
	}
	o.BeginQuery = begin + "; " + c.enter
	return c.scope.pool.BeginTx(ctx, o)
}

func crossingFault(err error) error {
	f := fault.FromPostgres(err)
	if fault.KindOf(f) == fault.Denied {
		return &fault.Error{
			Kind: fault.Denied, Code: fault.CodeInsufficientPriv, Err: err,
			Message: "this database role may not look across campaigns: grant it ovasabi_crossing WITH INHERIT FALSE, SET TRUE, or do without",
		}
	}
	return f
}
