package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Finding is one thing that is not as it should be. Its JSON is a contract.
type Finding struct {
	// ID names the kind of finding, such as "index_corrupt".
	ID string `json:"id"`
	// Severity is error, warning or info.
	Severity string `json:"severity"`
	// Object is what the finding is about, such as "ovasabi.service_event".
	Object string `json:"object"`
	// Evidence is what was seen: figures and keys, never a row's content.
	Evidence string `json:"evidence"`
	// Remedy is what to do, as a command or SQL where there is one.
	Remedy string `json:"remedy"`
}

// The severities of a finding.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityInfo    = "info"
)

// Verification is what a Verify found. Its JSON is a contract.
type Verification struct {
	Findings []Finding `json:"findings"`
	// Checked counts what was looked at: rows, values, indexes, constraints, partitions, policies.
	Checked map[string]int64 `json:"checked"`
	// Complete tells that the end was reached; without VerifyOptions.Portion it always is.
	Complete bool `json:"-"`
	// Since is when the verification began, which may have been many calls ago.
	Since time.Time `json:"-"`
}

// Worst is the highest severity among the findings, or "" when there are none.
func (v Verification) Worst() string {
	for _, severity := range []string{SeverityError, SeverityWarning, SeverityInfo} {
		if slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Severity == severity }) {
			return severity
		}
	}
	return ""
}

// VerifyOptions narrow a verification. The zero value verifies everything.
type VerifyOptions struct {
	// Tables limits what is gone through row by row, and whose indexes are looked
	// into, to these tables of the schema ovasabi. Defaults to all.
	Tables []string
	// AppRole is the role of the application, for which the policies are checked.
	// Defaults to ovasabi_app.
	AppRole string
	// Name tells apart the places of two verifications of the same tables, which
	// then do not go on with each other's. May be empty.
	Name string `json:",omitempty"`
	// Portion ends the call after so long, with its place kept for the next one. One
	// batch of rows or one index is gone through whatever it takes. 0 goes to the end.
	Portion time.Duration `json:"-"`
	// Rest is called after every batch of rows and every index, with the time that it
	// took; its error ends the call with the place kept. nil does not rest.
	Rest func(ctx context.Context, took time.Duration) error `json:"-"`
}

// Verify goes through the whole database and looks whether it is what the schema
// promises: every row against its constraints, its partition and its generated
// values, computed again from their sources; every index against its table
// (amcheck); policies, keys and definitions.
//
// It reads in short batches and writes nothing but the place that it has reached:
// a verification that was cut short goes on from there when it is called again
// with the same options. It takes no lock that a reader or writer could wait for;
// a migration meanwhile ends it with an error.
func (m *Migrator) Verify(ctx context.Context, o VerifyOptions) (Verification, error) {
	if o.AppRole == "" {
		o.AppRole = "ovasabi_app"
	}
	if err := m.checkOurs(ctx); err != nil {
		return Verification{}, err
	}
	v := &verifier{Migrator: m, options: o, out: Verification{Findings: []Finding{}, Checked: map[string]int64{}}}
	if o.Portion > 0 {
		v.until = time.Now().Add(o.Portion)
	}
	err := m.session(ctx, func(conn *pgx.Conn) error {
		v.conn = conn
		return v.run(ctx)
	})
	return v.out, err
}

type verifier struct {
	*Migrator
	options VerifyOptions
	conn    *pgx.Conn
	out     Verification
	place   place
	until   time.Time // zero for one without portions
	worked  bool      // something was gone through in this call
}

// errPortion ends a call at the end of its portion.
var errPortion = errors.New("the portion is at its end")

// worth tells whether there is time left for one more batch or index.
func (v *verifier) worth(ctx context.Context, name string) error {
	if v.worked && !v.until.IsZero() && !time.Now().Before(v.until) {
		return errPortion
	}
	return v.checkpoint(ctx, name)
}

// done notes that a batch or an index was gone through, and rests.
func (v *verifier) done(ctx context.Context, began time.Time) error {
	v.worked = true
	if v.options.Rest == nil {
		return nil
	}
	return v.options.Rest(ctx, time.Since(began))
}

func (v *verifier) run(ctx context.Context) error {
	applied, err := v.applied(ctx)
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		return fault.New(fault.Invalid, "this database has no schema to verify: run migrate up")
	}
	if err := v.resume(ctx); err != nil {
		return migrationFault(err)
	}
	for _, check := range []func(context.Context) error{v.rows, v.indexes, v.constraints, v.partitions, v.isolation, v.definitions, v.sequences, v.leftovers} {
		err := v.checkpoint(ctx, "verify")
		if err == nil {
			if err = check(ctx); !errors.Is(err, errPortion) {
				err = migrationFault(err)
			}
		}
		if err != nil {
			kept := v.keep(context.WithoutCancel(ctx))
			if errors.Is(err, errPortion) {
				return migrationFault(kept)
			}
			return errors.Join(err, kept)
		}
	}
	if err := v.forget(ctx); err != nil {
		return migrationFault(err)
	}
	v.out.Complete = true
	slices.SortStableFunc(v.out.Findings, func(a, b Finding) int {
		order := []string{SeverityError, SeverityWarning, SeverityInfo}
		return slices.Index(order, a.Severity) - slices.Index(order, b.Severity)
	})
	return nil
}

// found tells of something once, though every call of a verification in portions finds it.
func (v *verifier) found(id, severity, object, evidence, remedy string) {
	f := Finding{id, severity, object, evidence, remedy}
	if !slices.Contains(v.out.Findings, f) {
		v.out.Findings = append(v.out.Findings, f)
	}
}

func (v *verifier) wants(table string) bool {
	return len(v.options.Tables) == 0 || slices.Contains(v.options.Tables, table)
}

// isolation asks what the application's role could see beyond its campaign.
func (v *verifier) isolation(ctx context.Context) error {
	gaps, err := campaign.Gaps(ctx, v.conn, campaign.Guard{Role: v.options.AppRole})
	if err != nil {
		return err
	}
	for _, gap := range gaps {
		v.found("isolation", SeverityError, gap.Object, gap.Object+" "+gap.Problem, "stop the services, then restore what migrate status reports as changed by hand")
	}
	var policies int64
	err = v.conn.QueryRow(ctx, `
SELECT count(*)
FROM pg_catalog.pg_policy AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
WHERE c.relnamespace = to_regnamespace('ovasabi')`).Scan(&policies)
	v.out.Checked["policies"] = policies
	return err
}

// definitions compares every object with what the last migration left.
func (v *verifier) definitions(ctx context.Context) error {
	drift, err := v.drift(ctx)
	if err != nil {
		return err
	}
	for _, d := range drift {
		severity := SeverityWarning
		if strings.HasPrefix(d.Object, "policy ") && d.Problem != "added" {
			severity = SeverityError
		}
		evidence := d.Object + " is " + d.Problem + " since the last migration"
		v.found("drift", severity, d.Object, evidence, "put it back as it was ("+strings.Join(strings.Fields(d.Recorded+d.recordedNothing()), " ")+"), or make the change a migration")
	}
	var objects int64
	err = v.conn.QueryRow(ctx, `SELECT count(*) FROM ovasabi.schema_object`).Scan(&objects)
	v.out.Checked["objects"] = objects
	return err
}

func (d Drift) recordedNothing() string {
	if d.Recorded == "" {
		return "it was not there"
	}
	return ""
}

const unvalidatedSQL = `
SELECT
    format('%s.%s', k.conrelid::regclass, k.conname),
    format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.conrelid::regclass, k.conname),
    k.convalidated AND k.conenforced
FROM pg_catalog.pg_constraint AS k
WHERE k.connamespace = to_regnamespace('ovasabi')
  AND k.conrelid <> 0
ORDER BY 1`

// constraints names those that the server does not vouch for.
func (v *verifier) constraints(ctx context.Context) error {
	type constraint struct {
		Name, Remedy string
		Good         bool
	}
	rows, err := v.conn.Query(ctx, unvalidatedSQL)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[constraint])
	if err != nil {
		return err
	}
	for _, k := range all {
		if !k.Good {
			v.found("constraint_unvalidated", SeverityWarning, k.Name, "is not validated: older rows may break it", k.Remedy)
		}
	}
	v.out.Checked["constraints"] = int64(len(all))
	return nil
}

const partitionBoundsSQL = `
SELECT
    p.oid::regclass::text,
    count(*),
    max((bound.parts)[1]::int),
    count(DISTINCT (bound.parts)[2]::int),
    count(DISTINCT (bound.parts)[1]::int)
FROM pg_catalog.pg_class AS p
JOIN pg_catalog.pg_inherits AS h ON h.inhparent = p.oid
JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
CROSS JOIN LATERAL (
    SELECT regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), 'modulus (\d+), remainder (\d+)') AS parts
) AS bound
WHERE p.relnamespace = to_regnamespace('ovasabi')
  AND p.relkind = 'p'
  AND pg_catalog.pg_get_partkeydef(p.oid) LIKE 'HASH %'
GROUP BY p.oid
ORDER BY 1`

// partitions looks for a remainder that no partition takes: a campaign that falls
// on it cannot write. Rows in a wrong partition are found row by row.
func (v *verifier) partitions(ctx context.Context) error {
	type table struct {
		Name                                string
		Partitions, Modulus, Remainders, Of int64
	}
	rows, err := v.conn.Query(ctx, partitionBoundsSQL)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[table])
	if err != nil {
		return err
	}
	v.out.Checked["partitions"] = 0
	for _, t := range tables {
		v.out.Checked["partitions"] += t.Partitions
		if t.Of == 1 && t.Remainders != t.Modulus {
			v.found("partition_missing", SeverityError, t.Name, fmt.Sprintf("has partitions for %d of %d remainders: some campaigns cannot write", t.Remainders, t.Modulus), "attach the missing partitions, or run migrate up --partitions with another number")
		}
	}
	return nil
}

// leftovers names work that was cut short.
func (v *verifier) leftovers(ctx context.Context) error {
	lines, err := v.unfinished(ctx)
	for _, line := range lines {
		v.found("move_unfinished", SeverityWarning, "ovasabi", line, "migrate up goes on with it, migrate down undoes it")
	}
	return err
}

// sequences looks for an identity that would give an id again.
func (v *verifier) sequences(ctx context.Context) error {
	rows, err := v.conn.Query(ctx, `
SELECT c.relname::text, pg_catalog.pg_get_serial_sequence(c.oid::regclass::text, a.attname)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id' AND a.attidentity <> ''
WHERE c.relnamespace = to_regnamespace('ovasabi')
  AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition
ORDER BY 1`)
	if err != nil {
		return err
	}
	type identity struct{ Table, Sequence string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[identity])
	if err != nil {
		return err
	}
	v.out.Checked["sequences"] = 0 // a run that goes on counts them anew
	for _, i := range all {
		highest, known := v.place.Highest[i.Table]
		if !known {
			continue
		}
		var next int64
		if err := v.conn.QueryRow(ctx, "SELECT last_value + is_called::int FROM "+i.Sequence).Scan(&next); err != nil {
			return err
		}
		v.out.Checked["sequences"]++
		if highest >= next {
			v.found("sequence_behind", SeverityError, i.Sequence, fmt.Sprintf("gives %d next, and ovasabi.%s holds the id %d", next, i.Table, highest), fmt.Sprintf("SELECT setval('%s', %d)", i.Sequence, highest))
		}
	}
	return nil
}
