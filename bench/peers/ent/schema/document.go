package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Document is a row of ovasabi.service_content_main. The schema's name is on the search_path.
type Document struct{ ent.Schema }

// Annotations names the table.
func (Document) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "service_content_main"}}
}

// Fields are the table's columns.
func (Document) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id"),
		field.Int64("campaign_id"),
		field.String("slug"),
		field.String("title"),
		field.String("body"),
		jsonColumn("tags"),
		field.String("status"),
		jsonColumn("metadata"),
		field.Int64("version"),
		field.Time("created_at"),
		field.Time("updated_at"),
	}
}

// jsonColumn is a column whose text the program passes on as it is.
func jsonColumn(name string) ent.Field {
	return field.String(name).SchemaType(map[string]string{dialect.Postgres: "jsonb"})
}
