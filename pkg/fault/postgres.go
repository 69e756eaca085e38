package fault

import (
	"context"
	"errors"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATEs that the platform acts on. Source: PostgreSQL 18, Appendix A, "PostgreSQL Error Codes".
const (
	CodeUndefinedColumn      = "42703"
	CodeUndefinedTable       = "42P01"
	CodeUndefinedFunction    = "42883"
	CodeSerializationFailure = "40001"
	CodeDeadlockDetected     = "40P01"
	CodeLockNotAvailable     = "55P03"
	CodeUniqueViolation      = "23505"
	CodeExclusionViolation   = "23P01"
	CodeForeignKeyViolation  = "23503"
	CodeNotNullViolation     = "23502"
	CodeCheckViolation       = "23514"
	CodeInsufficientPriv     = "42501"
	CodeQueryCanceled        = "57014"
	CodeInvalidPassword      = "28P01"
	CodeInvalidAuthorization = "28000"
	CodeUndefinedDatabase    = "3D000"
	CodeDuplicateObject      = "42710"
	CodeFeatureNotSupported  = "0A000"
	CodeReadOnlyTransaction  = "25006"
)

// FromPostgres maps an error of pgx or PostgreSQL to a fault. A nil error and
// an error that already is a fault pass through. Server messages are kept as
// the cause and never shown: they may quote row values.
func FromPostgres(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return &Error{Kind: NotFound, Message: "no such row in this campaign", Err: err}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fromCode(pg, err)
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	// An attempt to connect has a deadline of its own, which is not the caller's.
	if errors.Is(err, context.Canceled) || !connecting && errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Canceled, Message: "the call was given up before the database answered", Err: err}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return unavailable(err, "")
	}
	if connecting || pgconn.SafeToRetry(err) {
		return unavailable(err, "")
	}
	return &Error{Kind: Internal, Message: "the database call failed", Err: err}
}

func unavailable(err error, code string) *Error {
	return &Error{Kind: Unavailable, Message: "the database cannot answer now; try again", Code: code, Err: err}
}

// fromCode maps by SQLSTATE: first the codes with a meaning of their own, then the classes.
func fromCode(pg *pgconn.PgError, err error) *Error {
	f := &Error{Code: pg.Code, Err: err}
	switch pg.Code {
	case CodeUniqueViolation, CodeExclusionViolation:
		f.Kind, f.Field, f.Message = Conflict, pg.ConstraintName, "a row with this key exists already"
	case CodeForeignKeyViolation:
		f.Kind, f.Field, f.Message = Invalid, pg.ConstraintName, "refers to a row that does not exist, or that others still refer to"
	case CodeNotNullViolation:
		f.Kind, f.Field, f.Message = Invalid, pg.ColumnName, "must have a value"
	case CodeCheckViolation:
		f.Kind, f.Field, f.Message = Invalid, pg.ConstraintName, "breaks the rule of this name"
	case CodeSerializationFailure, CodeDeadlockDetected:
		f.Kind, f.Message = Unavailable, "the transaction met another one; try again"
	case CodeLockNotAvailable:
		f.Kind, f.Message = Unavailable, "the row or table is locked by another transaction; try again"
	case CodeQueryCanceled:
		f.Kind, f.Message = Unavailable, "the statement ran longer than its time limit"
	case CodeInsufficientPriv:
		f.Kind, f.Message = Denied, "the database role may not do this"
	case CodeReadOnlyTransaction:
		f.Kind, f.Message = Internal, "the statement writes in a transaction that may only read"
	case CodeInvalidPassword, CodeInvalidAuthorization:
		f.Kind, f.Message = Denied, "the server refused the user name or the password"
	case CodeUndefinedDatabase:
		f.Kind, f.Message = Invalid, "the database does not exist on this server"
	default:
		fromClass(f, pg)
	}
	return f
}

func fromClass(f *Error, pg *pgconn.PgError) {
	class := ""
	if len(pg.Code) >= 2 {
		class = pg.Code[:2]
	}
	switch class {
	case "22": // data exception: a value that its type cannot hold
		f.Kind, f.Field, f.Message = Invalid, pg.ColumnName, "a value does not fit its type"
	case "23": // any other integrity constraint
		f.Kind, f.Field, f.Message = Invalid, pg.ConstraintName, "breaks the rule of this name"
	case "08", "53", "57", "58": // connection, resources, operator intervention, system
		f.Kind, f.Message = Unavailable, "the database cannot answer now; try again"
	case "40": // transaction rollback of any cause
		f.Kind, f.Message = Unavailable, "the transaction was rolled back; try again"
	default:
		f.Kind, f.Message = Internal, "the database refused the statement"
	}
}
