package load

import (
	"slices"
	"strconv"
	"strings"

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

// uniqueColumns are the columns that must be unique in a campaign: the key, and for
// users the username.
var uniqueColumns = map[Kind][]string{Content: {"slug"}, Users: {"email", "username"}, Products: {"sku"}, Events: {"event_id"}}

// uniquesOf returns a row's values in those columns. Letters count as the same in
// either case, as they do for some of the columns: two rows that differ may then
// wait for each other, and rows that are equal always do.
func uniquesOf(k Kind) func(*row) []string {
	var columns []int
	for _, name := range uniqueColumns[k] {
		columns = append(columns, slices.Index(tables[k].Columns(), name))
	}
	return func(r *row) []string {
		values := make([]string, 0, len(columns))
		for n, c := range columns {
			if text, ok := r.values[c].(string); ok {
				values = append(values, strconv.Itoa(n)+strings.ToLower(text))
			}
		}
		return values
	}
}

// table declares no ID: a load returns none, and the server need not send them.
func table(name string, key []string, columns ...repository.Column) *repository.Table {
	return repository.MustTable(repository.TableSpec{Name: pgx.Identifier{"ovasabi", name}, Columns: columns, Key: key})
}

func required(name, sqlType string) repository.Column {
	return repository.Column{Name: name, Type: sqlType, NotNull: true}
}
