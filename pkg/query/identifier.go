package query

import (
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// maxIdentifierBytes is NAMEDATALEN-1. PostgreSQL cuts longer names without an
// error, so that two names could mean one column.
const maxIdentifierBytes = 63

// quoteIdentifier quotes one part of a name. pgx drops NUL bytes from a name;
// here they are refused, so that the name asked for is the name that is used.
func quoteIdentifier(what, name string) (string, error) {
	switch {
	case name == "":
		return "", fault.New(fault.Internal, "a %s needs a name", what)
	case len(name) > maxIdentifierBytes:
		return "", fault.New(fault.Internal, "the %s name %q is longer than PostgreSQL's %d bytes", what, name, maxIdentifierBytes)
	case strings.IndexByte(name, 0) >= 0 || !utf8.ValidString(name):
		return "", fault.New(fault.Internal, "the %s name %q holds a NUL byte or is not UTF-8", what, name)
	}
	return pgx.Identifier{name}.Sanitize(), nil
}

// quoteLiteral quotes a text that is fixed when a column is declared (a JSON
// key, a search configuration), so that an index on the expression matches it.
// It reads the same whatever standard_conforming_strings says.
func quoteLiteral(what, s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return "", fault.New(fault.Internal, "the %s %q holds a NUL byte or is not UTF-8", what, s)
	}
	quoted := `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
	if strings.IndexByte(s, '\\') >= 0 {
		quoted = `E` + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted, nil
}
