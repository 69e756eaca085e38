// Package pgtest gives every test a PostgreSQL database of its own.
//
//	func TestContent(t *testing.T) {
//		db := pgtest.New(t)
//		rows, err := db.App(t).Query(ctx, …)
//	}
//
// The database is cloned from a template within milliseconds and dropped when the
// test ends. All test processes of one go command share one server: the first to
// need it starts it through a detached copy of its own binary, the supervisor,
// which stops the server and removes its folder once all of them are gone,
// however they went. The server gives up every promise about crashes.
//
// Two variables change where the databases live. OVASABI_TEST_DATABASE_URL names a
// server to use instead, by the address of a superuser; templates stay there for
// the next run. OVASABI_TEST_DIR names the folder for the server's data; without
// it the data is in memory where that is large enough, else in the temporary
// folder.
package pgtest
