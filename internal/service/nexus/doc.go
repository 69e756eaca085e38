// Package nexus takes events in and gives them out.
//
// In: emit.go, ingest.go and http.go are the three ways; judge.go decides what is
// good; batch_processor.go gathers events of many callers (buffer.go) and writes
// them (flush.go, retry.go, write_repository.go). Out: service.go lists events and
// subscribe.go follows them (follow.go), woken by the bell (bell.go).
package nexus
