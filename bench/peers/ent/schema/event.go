// Package schema declares for ent the tables that all peers work on.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Event is a row of ovasabi.service_event. The schema's name is on the search_path.
type Event struct{ ent.Schema }

// Annotations names the table.
func (Event) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "service_event"}}
}

// Fields are the columns that an event's writer and reader name.
func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id"),
		field.Int64("campaign_id"),
		field.String("event_id"),
		field.String("event_type"),
		field.String("entity_id"),
		field.Time("occurred_at"),
		jsonColumn("metadata"),
		jsonColumn("payload"),
	}
}
