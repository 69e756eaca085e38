package query

// column is what a column of any type is made of. Its texts are made once.
type column struct {
	table     *Table
	name      string
	bare      string // "title": where SQL takes no table name (SET, INSERT, ON CONFLICT)
	qualified string // "service_content_main"."title": everywhere else
	notNull   bool
	search    string // of a tsvector: @@ websearch_to_tsquery('english'::regconfig, and the parameter follows
	derived   bool   // an expression: read and compared, never written
	err       error
}

func newColumn(t *Table, name string) column {
	quoted, err := quoteIdentifier("column", name)
	return column{table: t, name: name, bare: quoted, qualified: t.alias + "." + quoted, err: err}
}

func (c *column) same(other *column) bool {
	return c.table == other.table && c.bare == other.bare
}

// Field is a column of any type, or an expression over one.
type Field interface {
	field() *column
}

// Column is a column whose values are of type T. Declare it once, at package
// level. It does not change and is safe for concurrent use.
//
// Say NotNull where the schema does: it decides how pages treat the column, and
// a column that is said to be NOT NULL and is not loses its NULL rows from pages.
type Column[T any] struct {
	def column
}

// ColumnOf declares a column whose values are of type T, which pgx must be able
// to encode: query.ColumnOf[Status](content, "status").
func ColumnOf[T any](t *Table, name string) *Column[T] {
	return &Column[T]{def: newColumn(t, name)}
}

func (c *Column[T]) field() *column {
	if c == nil {
		return nil
	}
	return &c.def
}

// NotNull returns the column declared NOT NULL.
func (c *Column[T]) NotNull() *Column[T] {
	def := c.def
	def.notNull = true
	return &Column[T]{def: def}
}

// Of returns the same column in another table, usually one made by Table.As.
func (c *Column[T]) Of(t *Table) *Column[T] {
	def := newColumn(t, c.def.name)
	def.notNull = c.def.notNull
	if c.def.derived {
		def.err = misuse("the expression %s cannot move to another table: make it from a column of that table", c.def.name)
	}
	return &Column[T]{def: def}
}

// Asc orders from the smallest value on; rows without a value come last.
func (c *Column[T]) Asc() Order { return Order{def: c.field()} }

// Desc orders from the greatest value on; rows without a value come last.
func (c *Column[T]) Desc() Order { return Order{def: c.field(), desc: true} }

// Lower is lower(column), as unique indexes that ignore case hold it.
func Lower(c *Column[string]) *Column[string] {
	def := c.def
	def.name = "lower(" + def.name + ")"
	def.bare, def.qualified = "lower("+def.bare+")", "lower("+def.qualified+")"
	def.derived = true
	return &Column[string]{def: def}
}
