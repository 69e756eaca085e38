// Package schema declares for ent the table that all peers write.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Note is a row of ovasabi.bench_note. The schema's name is on the search_path.
type Note struct{ ent.Schema }

// Annotations names the table.
func (Note) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "bench_note"}}
}

// Fields are the table's columns.
func (Note) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id"),
		field.Int64("campaign_id"),
		field.String("name"),
		field.String("status"),
		field.Time("created_at"),
		field.String("body"),
		field.Int64("score"),
	}
}
