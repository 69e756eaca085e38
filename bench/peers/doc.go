// Package peers measures OVASABI's data layer beside gorm, bun, ent and lib/pq,
// on the same rows, the same table, the same role and the same row-level
// security. It is a module of its own, so that nobody who imports OVASABI takes
// its peers with it.
//
//	cd bench/peers && go test -bench . -benchtime 30x
package peers
