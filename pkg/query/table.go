package query

import (
	"errors"
	"time"
)

// Table is a table whose rows belong to campaigns. Declare it once, at package
// level. It does not change and is safe for concurrent use; a wrong name is
// reported by the first statement that uses it.
type Table struct {
	name     string
	alias    string // quoted: what columns are qualified with
	path     string // quoted schema and name
	from     string // path, with AS alias where it differs
	campaign column
	key      []column
	scoped   string // the first condition of every statement
	err      error
	shapes   shapes

	campaignName string
	keyNames     []string
}

// TableOption declares how a table differs from the usual: campaign_id and id.
type TableOption func(*Table)

// CampaignColumn names the column that holds the campaign. Default "campaign_id".
// The table of campaigns itself has "id".
func CampaignColumn(name string) TableOption {
	return func(t *Table) { t.campaignName = name }
}

// KeyColumns names the columns that, with the campaign, are unique and NOT NULL.
// They end every order, so that pages have no ties. Default "id".
func KeyColumns(names ...string) TableOption {
	return func(t *Table) { t.keyNames = names }
}

// NewTable declares a table by its schema and name, both unquoted.
func NewTable(schema, name string, options ...TableOption) *Table {
	t := &Table{name: name, campaignName: "campaign_id", keyNames: []string{"id"}}
	for _, option := range options {
		option(t)
	}
	quotedSchema, err := quoteIdentifier("schema", schema)
	t.err = errors.Join(t.err, err)
	quotedName, err := quoteIdentifier("table", name)
	t.err = errors.Join(t.err, err)
	t.path = quotedSchema + "." + quotedName
	t.alias, t.from = quotedName, t.path
	t.compile()
	return t
}

// As returns the same table under another name, for a statement that reads it
// twice. Its columns are declared anew or taken over with Column.Of.
func (t *Table) As(alias string) *Table {
	as := &Table{name: alias, path: t.path, err: t.err, campaignName: t.campaignName, keyNames: t.keyNames}
	quoted, err := quoteIdentifier("alias", alias)
	as.err = errors.Join(as.err, err)
	as.alias, as.from = quoted, t.path+" AS "+quoted
	as.compile()
	return as
}

func (t *Table) compile() {
	t.campaign = newColumn(t, t.campaignName)
	t.campaign.notNull = true
	t.err = errors.Join(t.err, t.campaign.err)
	if len(t.keyNames) == 0 {
		t.err = errors.Join(t.err, misuse("table %q needs a key: without one its order is not total", t.name))
	}
	t.key = make([]column, 0, len(t.keyNames))
	for _, name := range t.keyNames {
		key := newColumn(t, name)
		key.notNull = true
		t.err = errors.Join(t.err, key.err)
		t.key = append(t.key, key)
	}
	t.scoped = t.campaign.qualified + " = $1::bigint"
}

// Column declares a column of any other type. Its values are boxed, which costs
// an allocation each; ColumnOf and the methods below do not.
func (t *Table) Column(name string) *Column[any] { return ColumnOf[any](t, name) }

// Bigint declares a bigint column.
func (t *Table) Bigint(name string) *Column[int64] { return ColumnOf[int64](t, name) }

// Integer declares an integer column.
func (t *Table) Integer(name string) *Column[int32] { return ColumnOf[int32](t, name) }

// Text declares a text column.
func (t *Table) Text(name string) *Column[string] { return ColumnOf[string](t, name) }

// Timestamptz declares a timestamptz column. PostgreSQL keeps microseconds.
func (t *Table) Timestamptz(name string) *Column[time.Time] { return ColumnOf[time.Time](t, name) }

// Boolean declares a boolean column.
func (t *Table) Boolean(name string) *Column[bool] { return ColumnOf[bool](t, name) }

// Double declares a double precision column.
func (t *Table) Double(name string) *Column[float64] { return ColumnOf[float64](t, name) }

// Numeric declares a numeric column. Its values are decimal text such as
// "19.99", so that no digit is lost on the way.
func (t *Table) Numeric(name string) *Column[string] { return ColumnOf[string](t, name) }
