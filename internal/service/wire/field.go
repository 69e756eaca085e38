package wire

import (
	"errors"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Named gives an error the name that the caller knows: fields maps constraints
// and columns of the schema to fields of the request.
func Named(err error, fields map[string]string) error {
	err = fault.FromPostgres(err)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Field == "" {
		return err
	}
	field, known := fields[f.Field]
	if !known {
		return err
	}
	named := *f
	named.Field = field
	return &named
}

// ErrArchived is the Denied fault of a write to a campaign that is archived.
func ErrArchived() error {
	return &fault.Error{Kind: fault.Denied, Field: "campaign_id", Message: "the campaign is archived and can only be read, or it is gone"}
}

// ErrChanged is the Conflict fault of a version that is not the current one.
func ErrChanged() error {
	return &fault.Error{Kind: fault.Conflict, Field: "version", Message: "the row changed since this version was read: read it again"}
}

// WhyNot is the fault of a write that touched no row: the campaign is not active,
// the row is not there, or its version is another.
func WhyNot(active, there bool) error {
	switch {
	case !active:
		return ErrArchived()
	case !there:
		return fault.New(fault.NotFound, "no such row in this campaign")
	default:
		return ErrChanged()
	}
}
