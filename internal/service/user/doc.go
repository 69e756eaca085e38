// Package user keeps and finds the people of a campaign.
//
// service.go and write.go hold the rules, the repositories the SQL, rpc.go the handlers.
package user
