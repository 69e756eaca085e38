package schema

import "github.com/jackc/pgx/v5/pgconn"

// WithCheckpoint has a run call fn between any two of its steps, and end where it returns an error.
func WithCheckpoint(o Options, fn func(name string) error) Options {
	o.checkpoint = fn
	return o
}

// WithDial has a migrator open its connections through dial.
func WithDial(o Options, dial pgconn.DialFunc) Options {
	o.dial = dial
	return o
}

// WithSmallTable sets the number of pages up to which a copy has its indexes from the beginning.
func WithSmallTable(o Options, pages int64) Options {
	o.smallTable = &pages
	return o
}
