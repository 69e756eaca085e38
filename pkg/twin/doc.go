// Package twin keeps every optimised query beside the plain query that it
// replaces, picks one of the two for each call, and answers with the plain one
// where the optimised one cannot run.
//
// A pair is declared once, at package level:
//
//	var findByStatus = twin.Declare("content.find_by_status", twin.Pair{
//		Plain:     `SELECT …`,
//		Optimised: `SELECT …`,
//	})
//
// Both sides take the same parameters and return the same columns and the same
// rows in the same order; package twintest proves it. A Runner then runs it
// wherever a query would be run:
//
//	rows, err := runner.Query(ctx, scope, findByStatus, campaignID, statuses)
//
// Which side answers is a flag (Flags, table ovasabi.twin_flag) per campaign and
// by percentage. When the optimised side meets a schema that was rolled back
// (SQLSTATE 42703, 42P01, 42883) the plain side answers the same call; this is
// counted, logged once, and the optimised side is tried again later. Runner
// keeps the figures of both sides, says where the optimised one is the slower,
// and reverts it if told so.
package twin
