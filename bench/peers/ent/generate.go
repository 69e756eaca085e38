// Package ent is what ent generates from its schema. Made with the version of
// ent that go.mod names; run go generate after a change.
package ent

//go:generate go run entgo.io/ent/cmd/ent@v0.14.5 generate --feature sql/execquery ./schema
