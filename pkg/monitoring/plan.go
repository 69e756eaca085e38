package monitoring

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const (
	planTimeout = 2 * time.Second
	// plansAtOnce bounds how many plans one round asks for.
	plansAtOnce = 5
)

// wanted returns the groups whose plan is to be asked for.
func (t *slowTable) wanted(now time.Time) []*slowRow {
	t.mu.Lock()
	defer t.mu.Unlock()
	var rows []*slowRow
	for _, r := range t.rows {
		if r.text != "" && len(rows) < plansAtOnce && (r.PlanAt.IsZero() || r.LastSeen.After(r.PlanAt) && now.Sub(r.PlanAt) > planAgain) {
			rows = append(rows, r)
		}
	}
	return rows
}

func (t *slowTable) planned(r *slowRow, plan, note string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Plan, r.PlanNote, r.PlanAt = plan, note, time.Now()
}

// Explain asks for the plans of slow queries that have none yet: generic ones,
// which need no parameter's value, as the role of the pool and inside the
// campaign that was slow, so that row-level security is in them. Nothing is run.
// A collector with Options.Pool does this by itself.
func (t *Tracer) Explain(ctx context.Context, pool *pgxpool.Pool) error {
	for _, r := range t.slow.wanted(time.Now()) {
		if note := unexplainable(r.text); note != "" {
			t.slow.planned(r, "", note)
			continue
		}
		plan, err := explain(ctx, pool, r.text, r.asker)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			t.slow.planned(r, "", "the server did not plan it: SQLSTATE "+pg.Code)
			continue
		}
		if err != nil {
			return fault.FromPostgres(err)
		}
		t.slow.planned(r, plan, "")
	}
	return nil
}

// unexplainable says why a text has no plan, or "".
func unexplainable(sql string) string {
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(sql)), " ")
	word, _, _ = strings.Cut(word, "\n")
	switch word {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES":
	default:
		return "a statement of this kind has no plan"
	}
	// The simple protocol, which a generic plan needs, would run what follows a semicolon.
	if severalStatements(sql) {
		return "a text of several statements has no plan"
	}
	return ""
}

// ExplainGeneric returns what the server would do for a statement whatever its
// parameters, as the role of the pool and inside the campaign, or outside any for
// an ID of 0. Nothing is run, and quoted constants are replaced. An Invalid fault
// says that such a text has no plan.
func ExplainGeneric(ctx context.Context, pool *pgxpool.Pool, sql string, id campaign.ID) (string, error) {
	if note := unexplainable(sql); note != "" {
		return "", fault.New(fault.Invalid, "%s", note)
	}
	plan, err := explain(ctx, pool, sql, id)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// The message names what the schema lacks, such as a column; it holds no row's value.
		return "", &fault.Error{Kind: fault.Invalid, Code: pg.Code, Message: pg.Message, Err: err}
	}
	return plan, fault.FromPostgres(err)
}

// explain goes by the simple protocol, because otherwise $1 would be a parameter
// of the EXPLAIN. The transaction reads only, and is rolled back.
func explain(ctx context.Context, pool *pgxpool.Pool, sql string, id campaign.ID) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*planTimeout)
	defer cancel()
	begin := "BEGIN READ ONLY; SET LOCAL statement_timeout = '" + milliseconds(planTimeout) + "'"
	if id.Valid() {
		var err error
		if begin, err = (campaign.PostgreSQL{}).Begin(pgx.TxOptions{AccessMode: pgx.ReadOnly}, id, planTimeout); err != nil {
			return "", err
		}
	}
	var plan strings.Builder
	err := pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		results, err := conn.Conn().PgConn().Exec(ctx, begin+"; EXPLAIN (GENERIC_PLAN, VERBOSE) "+sql+"; ROLLBACK").ReadAll()
		if err != nil {
			// The server left the transaction open and aborted.
			return errors.Join(err, endTransaction(ctx, conn))
		}
		for _, r := range results {
			for _, row := range r.Rows {
				plan.Write(row[0])
				plan.WriteByte('\n')
			}
		}
		return nil
	})
	return maskStrings(plan.String()), err
}

func endTransaction(ctx context.Context, conn *pgxpool.Conn) error {
	_, err := conn.Conn().PgConn().Exec(context.WithoutCancel(ctx), "ROLLBACK").ReadAll()
	return err
}

// maskStrings replaces quoted constants of a plan and leaves its figures.
func maskStrings(plan string) string {
	var b strings.Builder
	for i := 0; i < len(plan); {
		if plan[i] == '\'' {
			i = endOfString(plan, i, false)
			b.WriteString("'…'")
			continue
		}
		b.WriteByte(plan[i])
		i++
	}
	return b.String()
}
