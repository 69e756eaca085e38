package query

// Vector is a tsvector: a column, or the words of a text column.
type Vector struct {
	def column
}

func (v *Vector) field() *column {
	if v == nil {
		return nil
	}
	return &v.def
}

func newVector(def column, config string) *Vector {
	literal, err := quoteLiteral("text search configuration", config)
	if err != nil && def.err == nil {
		def.err = err
	}
	def.search = " @@ websearch_to_tsquery(" + literal + "::regconfig, "
	return &Vector{def: def}
}

// TSVector declares a tsvector column and the text search configuration that
// it was made with, such as "english" or "pg_catalog.simple".
func (t *Table) TSVector(name, config string) *Vector {
	return newVector(newColumn(t, name), config)
}

// ToTSVector is to_tsvector(config, column), which an index on the same
// expression serves. NULL has no words.
func ToTSVector(c *Column[string], config string) *Vector {
	v := newVector(c.def, config)
	literal, _ := quoteLiteral("text search configuration", config) // newVector kept its error
	v.def.name = "to_tsvector(" + c.def.name + ")"
	v.def.bare = "to_tsvector(" + literal + "::regconfig, " + c.def.bare + ")"
	v.def.qualified = "to_tsvector(" + literal + "::regconfig, " + c.def.qualified + ")"
	v.def.derived = true
	return v
}

// Matches holds where the words match a search as people type it: words, "a
// phrase", or, -without. Any text is a valid search. Under row-level security
// no index serves it, because @@ is not leakproof.
func (v *Vector) Matches(search string) Condition {
	return Condition{op: opMatches, def: v.field(), low: scalar{kind: kindText, text: search}}
}
