package query

import "strings"

// JSONColumn is a jsonb column. A value for it is anything that encoding/json
// can marshal; a string, []byte or json.RawMessage is taken as JSON text.
type JSONColumn struct {
	*Column[any]
}

// JSON declares a jsonb column.
func (t *Table) JSON(name string) *JSONColumn { return &JSONColumn{t.Column(name)} }

// NotNull returns the column declared NOT NULL.
func (c *JSONColumn) NotNull() *JSONColumn { return &JSONColumn{c.Column.NotNull()} }

// Key is the text under a key, or under a path of keys: metadata ->> 'source'.
// The keys become part of the statement's text, so that an index on the
// expression serves it: declare it once, and never from a user's input. A key
// that is only known at run time belongs in Contains or PathExists.
func (c *JSONColumn) Key(key string, deeper ...string) *Column[string] {
	def := c.def
	keys := append([]string{key}, deeper...)
	var path strings.Builder
	for i, k := range keys {
		literal, err := quoteLiteral("JSON key", k)
		if err != nil && def.err == nil {
			def.err = err
		}
		if i == len(keys)-1 {
			path.WriteString(" ->> " + literal)
		} else {
			path.WriteString(" -> " + literal)
		}
	}
	def.name += "." + strings.Join(keys, ".")
	def.bare = "(" + def.bare + path.String() + ")"
	def.qualified = "(" + def.qualified + path.String() + ")"
	def.notNull, def.derived = false, true
	return &Column[string]{def: def}
}

// Contains holds where the column contains the value: metadata @> value.
func (c *JSONColumn) Contains(value any) Condition {
	return Condition{op: opContains, def: c.field(), low: scalar{kind: kindOther, other: value}}
}

// PathExists holds where the JSON path finds anything. The path may use the
// variables by name, as in `$.size ? (@ > $least)` with vars {"least": 3}; vars
// may be nil. Path and variables are parameters. Errors of evaluation (a missing
// key, a text compared with a number) count as not found; a path that is not
// well formed is an error of the server. No index serves it.
func (c *JSONColumn) PathExists(path string, vars map[string]any) Condition {
	if vars == nil {
		vars = map[string]any{}
	}
	return Condition{
		op: opPathExists, def: c.field(),
		low: scalar{kind: kindText, text: path}, high: scalar{kind: kindOther, other: vars},
	}
}

// Merge writes the column's keys over with those of the value: metadata || value.
func (c *JSONColumn) Merge(value any) Assignment {
	return Assignment{op: assignMerge, def: c.field(), value: scalar{kind: kindOther, other: value}}
}
