// Package product keeps and finds the goods of a campaign.
//
// service.go and write.go hold the rules, the repositories the SQL, rpc.go the
// handlers. Money is decimal text from the request to the column and back: Go
// computes nothing with it.
package product
