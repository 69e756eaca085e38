// Package maintenance keeps the tables of a database in order ahead of need:
// vacuum, analyze, freeze, reindex, partitions and retention, each decided from
// figures and explained by them, and a watch over integrity in small portions.
//
// A Maintainer looks (pkg/monitoring's snapshot, and the thresholds of the
// catalog), decides (Decide, a function of what was seen) and does, one task at a
// time, what its gates let through: the window, the budget, the load of others,
// the lag of standbys, the locks of others. It decides everything anew from the
// catalog, so that whatever was cut short is taken up by the next round. One
// maintainer a database is at work at a time, by a lease in a row.
package maintenance
