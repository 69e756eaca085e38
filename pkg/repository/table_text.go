package repository

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// insertText is the whole statement of a batch. Its text depends on the
// declaration alone, so that every batch of a table is the same prepared statement.
func (t *Table) insertText(conflict Conflict) string {
	if conflict != Fail && len(t.spec.Key) == 0 {
		return ""
	}
	var names, values, arrays, aliases []string
	if !t.spec.Unscoped {
		names = append(names, quoted(t.spec.Campaign))
		values = append(values, "$1::bigint")
	}
	for i, c := range t.spec.Columns {
		name := quoted(c.Name)
		value := "u." + name
		if t.kinds[i].cast {
			value += "::" + c.Type
		}
		if c.Default != "" {
			value = "coalesce(" + value + ", " + c.Default + ")"
		}
		names = append(names, name)
		values = append(values, value)
		arrays = append(arrays, fmt.Sprintf("unnest($%d::%s)", t.offset+i+1, t.kinds[i].array))
		aliases = append(aliases, name)
	}
	// In the list of a SELECT the arrays are walked abreast as rows are wanted; in
	// FROM each of them would be copied first.
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s AS existing (%s)\nSELECT %s\nFROM (SELECT %s) AS u (%s)",
		t.Name(), strings.Join(names, ", "), strings.Join(values, ", "),
		strings.Join(arrays, ", "), strings.Join(aliases, ", "))
	switch conflict {
	case Skip:
		fmt.Fprintf(&b, "\nON CONFLICT (%s) DO NOTHING", t.keyTarget())
	case Update:
		fmt.Fprintf(&b, "\nON CONFLICT (%s) DO UPDATE\nSET %s", t.keyTarget(), t.assignments())
	case Fail:
	}
	if t.returns(conflict) {
		b.WriteString("\nRETURNING " + t.idText("existing."))
		for _, k := range t.key {
			b.WriteString(", " + t.kinds[k].keyText("existing."+quoted(t.spec.Columns[k].Name)))
		}
		if conflict == Update {
			fmt.Fprintf(&b, ", (old.%s IS NULL)::integer", quoted(t.spec.Columns[t.key[0]].Name))
		}
	}
	return b.String()
}

// idText is what is returned as a row's id: 0 where the table has none.
func (t *Table) idText(prefix string) string {
	if t.spec.ID == "" {
		return "0::bigint"
	}
	return prefix + quoted(t.spec.ID)
}

// keyTarget is the conflict target, as the unique index spells it.
func (t *Table) keyTarget() string {
	var parts []string
	if !t.spec.Unscoped {
		parts = append(parts, quoted(t.spec.Campaign))
	}
	for _, k := range t.key {
		parts = append(parts, t.keyPart(k, ""))
	}
	return strings.Join(parts, ", ")
}

func (t *Table) keyPart(k int, prefix string) string {
	c := t.spec.Columns[k]
	part := prefix + quoted(c.Name)
	if c.KeyFunction != "" {
		part = c.KeyFunction + "(" + part + ")"
	}
	return part
}

func (t *Table) inKey(i int) bool {
	return slices.Contains(t.key, i)
}

func (t *Table) assignments() string {
	var sets []string
	for _, a := range t.spec.Update {
		sets = append(sets, quoted(a.Column)+" = "+a.Expression)
	}
	for i, c := range t.spec.Columns {
		// A key column under a function takes the new spelling, so that what is
		// returned equals what was sent; the key itself is the same.
		spelling := t.inKey(i) && c.KeyFunction != ""
		if spelling || len(t.spec.Update) == 0 && !t.inKey(i) {
			sets = append(sets, quoted(c.Name)+" = excluded."+quoted(c.Name))
		}
	}
	if len(sets) == 0 {
		// Nothing but the key: an update that changes nothing still returns the row.
		name := quoted(t.spec.Columns[t.key[0]].Name)
		sets = append(sets, name+" = excluded."+name)
	}
	return strings.Join(sets, ",\n    ")
}

// missingText finds the rows that a Skip left alone, by their position in the arrays of key columns.
func (t *Table) missingText() string {
	var arrays, aliases, on []string
	if !t.spec.Unscoped {
		on = append(on, "t."+quoted(t.spec.Campaign)+" = $1::bigint")
	}
	for n, k := range t.key {
		arrays = append(arrays, fmt.Sprintf("$%d::%s", t.offset+n+1, t.kinds[k].array))
		aliases = append(aliases, quoted(t.spec.Columns[k].Name))
		on = append(on, t.keyPart(k, "t.")+" = "+t.keyPart(k, "u."))
	}
	return fmt.Sprintf("SELECT u.position, %s\nFROM unnest(%s) WITH ORDINALITY AS u (%s, position)\nJOIN %s AS t\n    ON %s",
		t.idText("t."), strings.Join(arrays, ", "), strings.Join(aliases, ", "), t.Name(), strings.Join(on, "\n    AND "))
}
