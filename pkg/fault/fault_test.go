package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

func TestEverySQLSTATEHasAKind(t *testing.T) {
	for code, want := range map[string]fault.Kind{
		"23505": fault.Conflict, "23P01": fault.Conflict,
		"23503": fault.Invalid, "23502": fault.Invalid, "23514": fault.Invalid, "22001": fault.Invalid, "22P02": fault.Invalid,
		"40001": fault.Unavailable, "40P01": fault.Unavailable, "55P03": fault.Unavailable, "57014": fault.Unavailable,
		"53300": fault.Unavailable, "57P01": fault.Unavailable, "08006": fault.Unavailable, "58030": fault.Unavailable,
		"42501": fault.Denied, "28P01": fault.Denied, "3D000": fault.Invalid,
		"42601": fault.Internal, "42703": fault.Internal, "XX000": fault.Internal, "": fault.Internal,
	} {
		err := fault.FromPostgres(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "a row value: secret", Detail: "secret"}))
		require.ErrorIs(t, err, want, code)
		require.Equal(t, want, fault.KindOf(err), code)
		require.NotContains(t, err.Error(), "secret", code)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, "the cause is kept")
	}
}

func TestTheFieldIsNamed(t *testing.T) {
	err := fault.FromPostgres(&pgconn.PgError{Code: "23514", ConstraintName: "service_event_event_type_form"})
	require.EqualError(t, err, "service_event_event_type_form: breaks the rule of this name")
	err = fault.FromPostgres(&pgconn.PgError{Code: "23502", ColumnName: "title"})
	require.EqualError(t, err, "title: must have a value")
	require.EqualError(t, fault.Field("page_size", "must be at most %d", 5), "page_size: must be at most 5")
}

func TestWhatIsNotOfPostgreSQL(t *testing.T) {
	require.NoError(t, fault.FromPostgres(nil))
	require.ErrorIs(t, fault.FromPostgres(pgx.ErrNoRows), fault.NotFound)
	require.ErrorIs(t, fault.FromPostgres(pgx.ErrNoRows), pgx.ErrNoRows)
	require.ErrorIs(t, fault.FromPostgres(context.Canceled), fault.Canceled)
	require.ErrorIs(t, fault.FromPostgres(context.DeadlineExceeded), fault.Canceled)
	require.ErrorIs(t, fault.FromPostgres(&net.OpError{Op: "read", Err: errors.New("reset")}), fault.Unavailable)
	known := fault.New(fault.Limited, "later")
	require.Equal(t, error(known), fault.FromPostgres(known))
	require.Equal(t, fault.Internal, fault.KindOf(errors.New("anything")))
	require.Equal(t, fault.NoCampaign, fault.KindOf(fmt.Errorf("x: %w", fault.NoCampaign)))
}

func TestACauseIsKeptAndNotShown(t *testing.T) {
	cause := errors.New("the cause")
	err := fault.New(fault.Conflict, "changed meanwhile: %w", cause)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, fault.Conflict)
	require.NotErrorIs(t, err, fault.NotFound)
}
