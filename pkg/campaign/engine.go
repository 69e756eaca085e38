package campaign

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Setting is the PostgreSQL setting that the policies compare with campaign_id.
const Setting = "app.campaign_id"

// Engine makes the scope on the server. This is the only place where it is
// made: an engine that distributes rows over servers has its own way (Citus does
// not carry set_config to its workers, but carries SET LOCAL) and is given to
// NewScope instead.
type Engine interface {
	// Enter puts what makes the scope at the head of a batch, as one statement
	// whose arguments are text. It holds for the rest of the batch and for nothing
	// after it.
	Enter(b *pgx.Batch, id ID, e Entry)
	// Begin returns the text that begins a transaction inside the campaign. It is
	// sent by the simple protocol, so it takes no parameters.
	Begin(o pgx.TxOptions, id ID, timeout time.Duration) (string, error)
}

// Entry is what holds in a scope beside the campaign.
type Entry struct {
	// Timeout is the longest statement. 0 leaves the connection's statement_timeout.
	Timeout time.Duration
	// ReadOnly has the server refuse to write.
	ReadOnly bool
	// PlanMode is by which plans the server runs prepared statements.
	PlanMode database.PlanMode
}

// PostgreSQL is the Engine of a single PostgreSQL server.
type PostgreSQL struct{}

const (
	enterSQL   = `SELECT set_config('` + Setting + `', $1, true)`
	timeoutSQL = `, set_config('statement_timeout', $2, true)`
	// readOnlySQL is SET TRANSACTION READ ONLY, as part of the same statement.
	readOnlySQL = `, set_config('transaction_read_only', 'on', true)`
)

var planModeSQL = [...]string{
	database.AutoPlan:    ``,
	database.GenericPlan: setPlanMode(database.GenericPlan),
	database.CustomPlan:  setPlanMode(database.CustomPlan),
}

func setPlanMode(m database.PlanMode) string {
	return `, set_config('plan_cache_mode', '` + m.Setting() + `', true)`
}

// enterTexts are the statements of Enter, so that no call puts one together: by
// plan mode, without and with read only, without and with a timeout.
var enterTexts = func() (texts [len(planModeSQL)][2][2]string) {
	for mode, plan := range planModeSQL {
		for i, readOnly := range []string{"", readOnlySQL} {
			for j, timeout := range []string{"", timeoutSQL} {
				texts[mode][i][j] = enterSQL + timeout + readOnly + plan
			}
		}
	}
	return texts
}()

// Enter sets the campaign with set_config(…, true), which the batch's own
// implicit transaction undoes at its end, and the rest of the entry with it.
func (PostgreSQL) Enter(b *pgx.Batch, id ID, e Entry) {
	texts := &enterTexts[e.PlanMode][0]
	if e.ReadOnly {
		texts = &enterTexts[e.PlanMode][1]
	}
	if e.Timeout > 0 {
		b.Queue(texts[1], id.String(), milliseconds(e.Timeout))
		return
	}
	b.Queue(texts[0], id.String())
}

// Begin begins and scopes in one round trip. The campaign is a number that was
// validated, so that its digits can stand in the text.
func (PostgreSQL) Begin(o pgx.TxOptions, id ID, timeout time.Duration) (string, error) {
	begin, err := beginSQL(o)
	if err != nil {
		return "", err
	}
	begin += "; SET LOCAL " + Setting + " = '" + id.String() + "'"
	if timeout > 0 {
		begin += "; SET LOCAL statement_timeout = '" + milliseconds(timeout) + "'"
	}
	return begin, nil
}

// beginSQL writes BEGIN with its modes. pgx has the same, but does not export it.
func beginSQL(o pgx.TxOptions) (string, error) {
	if o.BeginQuery != "" || o.CommitQuery != "" {
		return "", fault.New(fault.Internal, "a scoped transaction takes no BeginQuery or CommitQuery")
	}
	var b strings.Builder
	b.WriteString("BEGIN")
	if o.IsoLevel != "" {
		b.WriteString(" ISOLATION LEVEL ")
		b.WriteString(string(o.IsoLevel))
	}
	if o.AccessMode != "" {
		b.WriteByte(' ')
		b.WriteString(string(o.AccessMode))
	}
	if o.DeferrableMode != "" {
		b.WriteByte(' ')
		b.WriteString(string(o.DeferrableMode))
	}
	return b.String(), nil
}

// scopedBeginner begins transactions inside one campaign.
type scopedBeginner struct {
	scope   *Scope
	id      ID
	timeout time.Duration
}

// BeginTx begins inside the campaign in one round trip.
func (s scopedBeginner) BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) {
	begin, err := s.scope.engine.Begin(o, s.id, s.timeout)
	if err != nil {
		return nil, err
	}
	o.BeginQuery = begin
	return s.scope.pool.BeginTx(ctx, o)
}
