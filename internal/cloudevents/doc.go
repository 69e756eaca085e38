// Package cloudevents reads events in the form of CloudEvents 1.0, as others
// send them: by HTTP in the binary, structured and batched content modes, or as
// the lines of a file. What it returns obeys pkg/event.
//
// id, type, subject, time and data become fields of the event. All attributes but
// id and type stay in its metadata as they were written: the time with its
// offset, source, subject, datacontenttype, dataschema and the extensions.
// Errors are Invalid faults that name the attribute.
package cloudevents
