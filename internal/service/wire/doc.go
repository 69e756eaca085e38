// Package wire is what the services share between their rows and their
// messages: JSON, times, pages, tags, and the names of fields in errors.
package wire
