package repository

import (
	"context"
	"strings"

	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// Declaration is a query that a service declares once, at package level: a name
// for metrics and traces, and one text or a twin. It does not change.
type Declaration struct {
	name      string
	operation string
	sql       string
	twin      *twin.Twin
	pipelined bool
}

// Declare names a text, such as "content.insert". The name becomes a label: it
// must be one of few, never made from input.
func Declare(name, sql string) *Declaration {
	return &Declaration{name: name, operation: operationOf(sql), sql: sql}
}

// DeclareTwin declares a twin under its own name. A BaseRepository runs its plain side.
func DeclareTwin(t *twin.Twin) *Declaration {
	sql := t.SQL(twin.Plain)
	return &Declaration{name: t.Name(), operation: operationOf(sql), sql: sql, twin: t}
}

// Pipelined returns the declaration of a short read: one that writes nothing and
// returns few rows. Where the repository has a pipeline, such reads of a campaign
// share round trips (see campaign.Pipeline).
func (d *Declaration) Pipelined() *Declaration {
	pipelined := *d
	pipelined.pipelined = true
	return &pipelined
}

// Name returns the query's name.
func (d *Declaration) Name() string { return d.name }

// SQL returns the text, or a twin's plain side.
func (d *Declaration) SQL() string { return d.sql }

// named gives the statements of a call the declaration's name, for tracers.
func (d *Declaration) named(ctx context.Context) context.Context {
	if d.name == "" {
		return ctx
	}
	return database.WithQueryName(ctx, d.name)
}

// operations are the labels that operationOf gives.
var operations = [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "CALL", "COPY", "VALUES"}

// operationOf returns a statement's first word where it is one of the usual, else "OTHER".
func operationOf(sql string) string {
	sql = strings.TrimLeft(sql, " \t\r\n(")
	for _, o := range operations {
		if len(sql) >= len(o) && strings.EqualFold(sql[:len(o)], o) {
			return o
		}
	}
	return "OTHER"
}
