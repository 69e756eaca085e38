package repository

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Column is one value of a row, as a batch writes it.
type Column struct {
	// Name is the column's name, unquoted.
	Name string
	// Type is the column's type as SQL spells it: "text", "bigint", "jsonb",
	// "numeric(10,2)", "text[]". It decides which Go values AddRow takes.
	Type string
	// NotNull refuses nil before the server does.
	NotNull bool
	// Default is an SQL expression that takes the place of NULL, such as "now()".
	// It is part of the program, never input. Excludes NotNull.
	Default string
	// KeyFunction wraps the column where it stands in the key: "lower" for a
	// unique index on lower(email). Allowed for text only.
	KeyFunction string
}

// Assignment is one SET of an update on conflict. The row that is there already
// is called existing, the one that was to be inserted excluded:
// {"version", "existing.version + 1"}.
type Assignment struct {
	Column     string
	Expression string
}

// TableSpec declares where a batch writes.
type TableSpec struct {
	// Name is the schema and the table.
	Name pgx.Identifier
	// Campaign is the column that holds the campaign of the context. Defaults to "campaign_id".
	Campaign string
	// Unscoped says that the table has no such column. The zero value is scoped.
	Unscoped bool
	// ID is the bigint identity column. Empty: the table has none, and a batch returns no ids.
	ID string
	// Columns are those that AddRow takes, in its order; neither Campaign nor ID is among them.
	Columns []Column
	// Key names the columns that, with the campaign, make a row unique: what
	// conflicts are judged by and ids are matched by. Required for ids and for
	// the conflict behaviours Skip and Update. Key columns are of type text,
	// varchar, bigint, integer, smallint, boolean, uuid or timestamptz, and NotNull.
	Key []string
	// Update is what the conflict behaviour Update sets. Defaults to every column
	// that is not in the key, each to the new row's value.
	Update []Assignment
}

// Table is a validated TableSpec with the statements made from it. It does not
// change and may be shared: declare it once, as a package variable.
type Table struct {
	spec    TableSpec
	kinds   []kind
	key     []int // positions in spec.Columns
	texts   [3]string
	missing string
	offset  int // number of parameters before the columns: the campaign, or none
}

// NewTable validates the declaration. Its Invalid fault names the field.
func NewTable(spec TableSpec) (*Table, error) {
	if spec.Campaign == "" && !spec.Unscoped {
		spec.Campaign = "campaign_id"
	}
	t := &Table{spec: spec}
	if err := t.validate(); err != nil {
		return nil, err
	}
	t.spec.Columns = slices.Clone(spec.Columns)
	if !spec.Unscoped {
		t.offset = 1
	}
	for _, conflict := range []Conflict{Fail, Skip, Update} {
		t.texts[conflict] = t.insertText(conflict)
	}
	if len(spec.Key) > 0 {
		t.missing = t.missingText()
	}
	return t, nil
}

// MustTable is NewTable for a package variable: it panics where NewTable errs.
func MustTable(spec TableSpec) *Table {
	t, err := NewTable(spec)
	if err != nil {
		panic(fmt.Sprintf("declare table %v: %v", spec.Name, err))
	}
	return t
}

// Name returns the table's quoted, schema-qualified name.
func (t *Table) Name() string { return t.spec.Name.Sanitize() }

// Columns returns the names of the columns in AddRow's order.
func (t *Table) Columns() []string {
	names := make([]string, len(t.spec.Columns))
	for i, c := range t.spec.Columns {
		names[i] = c.Name
	}
	return names
}

// mostColumns keeps a statement's parameters far below the protocol's 65,535.
const mostColumns = 1600

func (t *Table) validate() error {
	spec := &t.spec
	if len(spec.Name) != 2 || spec.Name[0] == "" || spec.Name[1] == "" {
		return fault.Field("Name", "must be a schema and a table, such as pgx.Identifier{\"ovasabi\", \"service_event\"}")
	}
	if spec.Unscoped && spec.Campaign != "" {
		return fault.Field("Campaign", "must be empty for a table that is declared Unscoped")
	}
	if len(spec.Columns) == 0 || len(spec.Columns) > mostColumns {
		return fault.Field("Columns", "must be 1 to %d columns, not %d", mostColumns, len(spec.Columns))
	}
	seen := map[string]bool{spec.Campaign: !spec.Unscoped, spec.ID: spec.ID != ""}
	for _, c := range spec.Columns {
		if c.Name == "" || seen[c.Name] {
			return fault.Field("Columns", "%q must be named once, and be neither the campaign nor the id", c.Name)
		}
		seen[c.Name] = true
		if c.NotNull && c.Default != "" {
			return fault.Field("Columns", "%q must be either NotNull or have a Default, not both", c.Name)
		}
		k, err := kindOf(c.Type)
		if err != nil {
			return fault.Field("Columns", "%q: %s", c.Name, err)
		}
		if c.KeyFunction != "" && (k.storage != storedText || !isName(c.KeyFunction)) {
			return fault.Field("Columns", "%q: KeyFunction must be the name of a function, such as lower, on a text column", c.Name)
		}
		t.kinds = append(t.kinds, k)
	}
	return t.validateKey()
}

func (t *Table) validateKey() error {
	if t.spec.ID != "" && len(t.spec.Key) == 0 {
		return fault.Field("Key", "must name the columns by which returned ids find their rows, or ID must be empty")
	}
	for _, name := range t.spec.Key {
		i := slices.IndexFunc(t.spec.Columns, func(c Column) bool { return c.Name == name })
		if i < 0 {
			return fault.Field("Key", "%q must be one of Columns", name)
		}
		if !t.kinds[i].keyable {
			return fault.Field("Key", "%q must be text, varchar, bigint, integer, smallint, boolean, uuid or timestamptz, not %s", name, t.spec.Columns[i].Type)
		}
		if !t.spec.Columns[i].NotNull {
			return fault.Field("Key", "%q must be NotNull: NULLs are never equal, so they cannot make a key", name)
		}
		t.key = append(t.key, i)
	}
	for _, a := range t.spec.Update {
		if a.Column == "" || a.Expression == "" || a.Column == t.spec.ID || a.Column == t.spec.Campaign {
			return fault.Field("Update", "%q must be a column that is neither the campaign nor the id, with an expression", a.Column)
		}
	}
	return nil
}

// parameterOIDs are the types of insertText's parameters.
func (t *Table) parameterOIDs() []uint32 {
	oids := make([]uint32, 0, t.offset+len(t.kinds))
	if t.offset > 0 {
		oids = append(oids, pgtype.Int8OID)
	}
	for _, k := range t.kinds {
		oids = append(oids, k.arrayOID)
	}
	return oids
}

// isName accepts what needs no quotes: a lower-case letter, then letters, digits and underscores.
func isName(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
