package query

import (
	"context"
	"errors"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

type verb uint8

const (
	verbSelect verb = iota
	verbInsert
	verbUpdate
	verbDelete
)

// CampaignQueryBuilder builds one statement of one campaign. Make it with
// NewCampaignQuery or FromContext, call what the statement needs, and end with
// SQL (or CountSQL). It is for one goroutine and one statement.
type CampaignQueryBuilder struct {
	campaign campaign.ID
	table    *Table
	verb     verb
	lock     lockStrength
	wait     lockWait
	paged    bool // After was called
	allRows  bool
	noLimit  bool
	limit    int
	errs     []error

	args   arguments
	joins  []join
	signer *CursorSigner
	token  string
	list   string
	later  []*Table // tables named before they were joined

	orders     [maxOrder]Order
	orderCount int

	columns   fragment // of SELECT, or the names of INSERT, or the SET list
	where     fragment // each condition preceded by AND
	from      []byte   // the joins
	values    []byte   // of INSERT
	conflict  []byte
	returning []byte
	doUpdate  bool
}

// NewCampaignQuery begins a statement of the campaign. An ID that is not valid
// makes SQL return fault.NoCampaign.
func NewCampaignQuery(id campaign.ID) *CampaignQueryBuilder {
	b := &CampaignQueryBuilder{} // inlined into the caller, and there on its stack
	b.of(id)
	return b
}

// FromContext begins a statement of the context's campaign. Without one, SQL
// returns fault.NoCampaign.
func FromContext(ctx context.Context) *CampaignQueryBuilder {
	b := &CampaignQueryBuilder{}
	b.ofContext(ctx)
	return b
}

func (b *CampaignQueryBuilder) of(id campaign.ID) {
	b.campaign = id
	if !id.Valid() {
		b.fail(fault.New(fault.NoCampaign, "the query has no campaign: make it with a valid campaign.ID"))
	}
	b.args.addNum(id.Int64()) // $1, always
}

func (b *CampaignQueryBuilder) ofContext(ctx context.Context) {
	id, err := campaign.FromContext(ctx)
	if err != nil {
		b.fail(err)
		return
	}
	b.of(id)
}

// WithTable names the table that the statement reads or writes.
func (b *CampaignQueryBuilder) WithTable(t *Table) *CampaignQueryBuilder {
	switch {
	case t == nil:
		return b.fail(misuse("WithTable was given no table"))
	case b.table != nil:
		return b.fail(misuse("WithTable was called twice; a second table is joined with Join"))
	case t.err != nil:
		return b.fail(t.err)
	}
	b.table = t
	return b
}

// Columns names what a read returns, in order. All are listed: there is no *.
func (b *CampaignQueryBuilder) Columns(fields ...Field) *CampaignQueryBuilder {
	if b.verb != verbSelect {
		return b.fail(misuse("Columns is for reads; a write returns rows with Returning"))
	}
	b.columns.keep(b.appendFields(b.columns.bytes(), fields))
	return b
}

// Where adds conditions; all of them must hold. In an insert they belong to
// DoUpdate and say which existing rows it may change.
func (b *CampaignQueryBuilder) Where(conditions ...Condition) *CampaignQueryBuilder {
	text := b.where.bytes()
	for i := range conditions {
		text = b.appendCondition(append(text, "\n  AND "...), &conditions[i])
	}
	b.where.keep(text)
	return b
}

// AllRows says that an update or delete means every row of the campaign. Without
// it and without a condition the statement is refused.
func (b *CampaignQueryBuilder) AllRows() *CampaignQueryBuilder {
	b.allRows = true
	return b
}

// OrderBy orders the rows. The table's key is added at the end where it is
// missing, so that the order is total.
func (b *CampaignQueryBuilder) OrderBy(orders ...Order) *CampaignQueryBuilder {
	for i := range orders {
		if !b.known(orders[i].def) {
			continue
		}
		if b.orderCount == maxOrder-2 { // two are left for the key
			return b.fail(misuse("an order has at most %d columns", maxOrder-2))
		}
		b.orders[b.orderCount] = orders[i]
		b.orderCount++
	}
	return b
}

// Returning names the columns that a write returns of each row it wrote. The
// rows come in no promised order.
func (b *CampaignQueryBuilder) Returning(fields ...Field) *CampaignQueryBuilder {
	if b.verb == verbSelect {
		return b.fail(misuse("Returning is for writes and is called after Insert, Update or Delete"))
	}
	b.returning = b.appendFields(b.returning, fields)
	return b
}

func (b *CampaignQueryBuilder) appendFields(dst []byte, fields []Field) []byte {
	for _, f := range fields {
		var def *column
		if f != nil {
			def = f.field()
		}
		if !b.known(def) {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, def.qualified...)
	}
	return dst
}

// known checks that a column can be used here. A table that is not joined yet
// is remembered, and looked for again when the statement is made.
func (b *CampaignQueryBuilder) known(def *column) bool {
	switch {
	case def == nil:
		b.fail(misuse("a column, condition, order or assignment was not made from a declared column"))
		return false
	case def.err != nil:
		b.fail(def.err)
		return false
	case def.table == b.table:
		return true
	}
	for i := range b.joins {
		if b.joins[i].table == def.table {
			return true
		}
	}
	b.later = append(b.later, def.table)
	return true
}

func (b *CampaignQueryBuilder) fail(err error) *CampaignQueryBuilder {
	b.errs = append(b.errs, err)
	return b
}

// failure is what SQL returns: the missing campaign alone, or all errors in the
// order of the calls, and last what the calls together make wrong.
func (b *CampaignQueryBuilder) failure(wrong error) error {
	if len(b.errs) > 0 && errors.Is(b.errs[0], fault.NoCampaign) {
		return b.errs[0]
	}
	if len(b.errs) == 0 && wrong == nil && b.later == nil && b.table != nil && b.args.count <= maxParameters-spareParameters {
		return nil
	}
	errs := append([]error(nil), b.errs...)
	for _, t := range b.later {
		if !b.reads(t) {
			errs = append(errs, misuse("a column of table %q is used, but the statement does not read that table: join it", t.name))
		}
	}
	if b.table == nil && len(errs) == 0 {
		errs = append(errs, misuse("the statement has no table: call WithTable"))
	}
	if most := maxParameters - spareParameters; b.args.count > most {
		errs = append(errs, misuse("the statement has more than %d parameters: send lists with In, rows with a batch", most))
	}
	if wrong != nil {
		errs = append(errs, wrong)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...) // nil where every table was joined in the end
}

func (b *CampaignQueryBuilder) reads(t *Table) bool {
	if t == b.table {
		return true
	}
	for i := range b.joins {
		if b.joins[i].table == t {
			return true
		}
	}
	return false
}

// misuse is an error in the calling code, which no user can mend.
func misuse(format string, args ...any) *fault.Error {
	return fault.New(fault.Internal, "query: "+format, args...)
}
