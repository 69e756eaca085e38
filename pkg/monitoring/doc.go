// Package monitoring sees what PostgreSQL 18 does and tells it in one place.
//
// A PG18StatsCollector reads the statistics views as ovasabi_monitor once an
// interval, in one round trip, and publishes a Snapshot that the page, /metrics
// and the terminal share. A Tracer measures, in this process, what the server
// cannot know: which campaign a statement was for, how long it waited for a
// connection, and which twin answered. Both keep a bounded number of things.
package monitoring
