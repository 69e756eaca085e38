// Package content keeps and finds the documents of a campaign.
//
// service.go holds the rules, repository.go and its neighbours the SQL, rpc.go the handlers.
package content
