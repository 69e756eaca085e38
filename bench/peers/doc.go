// Package peers brings other libraries into `ovasabi bench`: gorm, bun, ent,
// database/sql over pgx and over lib/pq, and River, each on the same rows, as the
// same role, under the same row-level security, in the same run. It is a module of
// its own, so that nobody who builds or imports OVASABI takes its peers with it.
//
//	make peers && bin/ovasabi bench --peers overhead bulk_insert
//
// Each peer enters the campaign as its users would: a transaction, set_config, the
// work. How each is opened follows its own documentation's advice for speed.
package peers

import "github.com/ovasabi/ovasabi/internal/bench"

// All are the peers in the order of the report.
func All() []bench.Peer {
	return []bench.Peer{
		{Name: "database/sql, pgx", Open: openPgx},
		{Name: "database/sql, lib/pq", Open: openPq},
		{Name: "gorm", Open: openGorm},
		{Name: "bun", Open: openBun},
		{Name: "ent", Open: openEnt},
		{Name: "river", Open: openRiver},
	}
}

// setScope is how a peer enters the campaign, inside a transaction.
const setScope = `SELECT set_config('app.campaign_id', $1, true)`

// insertAtOnce is how many rows one statement of the mappers carries: the most of
// their parameters, 65,535, is not far.
const insertAtOnce = 1000
