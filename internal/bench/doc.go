// Package bench is the answer to "is it worth it": it runs the plain way of
// doing things and this project's way on one server in one run, in turn, and
// reports both with how sure it is.
//
// Before is the plain repository on database/sql: pgx's adapter without a statement
// cache, BEGIN, set_config, the query and COMMIT one after another, row-by-row
// inserts, the tables and indexes of the schema's phase 1. After is everything on: a
// scope in the query's own round trip, which reads of single rows share, cached
// statements, metrics, admission, the optimised sides of the twins, batches, and the
// newest phase. Both run as ovasabi_app, under row-level security. They stand in two
// databases of one server: the second is a copy of the first, file by file, and was
// migrated from there, so that both hold the same rows.
//
// A scenario compares the results of both ways before it times them.
package bench
