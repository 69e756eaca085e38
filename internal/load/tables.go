package load

import (
	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/repository"
)

// tables are where the kinds go. The keys are what makes a line a duplicate.
var tables = map[Kind]*repository.Table{
	Content: table("service_content_main", []string{"slug"},
		required("slug", "text"), required("title", "text"), required("body", "text"),
		required("tags", "jsonb"), required("status", "text"), required("metadata", "jsonb")),
	Users: table("service_user_main", []string{"email"},
		repository.Column{Name: "username", Type: "text"},
		repository.Column{Name: "email", Type: "text", NotNull: true, KeyFunction: "lower"},
		repository.Column{Name: "first_name", Type: "text"}, repository.Column{Name: "last_name", Type: "text"},
		required("status", "text"), repository.Column{Name: "last_login_at", Type: "timestamptz"}, required("metadata", "jsonb")),
	Products: table("service_product_main", []string{"sku"},
		required("sku", "text"), required("name", "text"), required("description", "text"), required("price", "numeric(10,2)"),
		required("currency", "text"), required("stock", "integer"), required("status", "text"), required("metadata", "jsonb")),
	Events: table("service_event", []string{"event_id"},
		required("event_id", "text"), required("event_type", "text"), required("entity_id", "text"),
		repository.Column{Name: "occurred_at", Type: "timestamptz", Default: "now()"},
		required("metadata", "jsonb"), required("payload", "jsonb")),
}

// table declares no ID: a load returns none, and the server need not send them.
func table(name string, key []string, columns ...repository.Column) *repository.Table {
	return repository.MustTable(repository.TableSpec{Name: pgx.Identifier{"ovasabi", name}, Columns: columns, Key: key})
}

func required(name, sqlType string) repository.Column {
	return repository.Column{Name: name, Type: sqlType, NotNull: true}
}
