package user

import (
	"time"

	"github.com/jackc/pgx/v5"

	userv1 "github.com/ovasabi/ovasabi/api/gen/ovasabi/user/v1"
	"github.com/ovasabi/ovasabi/internal/service/wire"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/repository"
	"github.com/ovasabi/ovasabi/pkg/twin"
)

// row is a user as every statement returns it, in this order.
type row struct {
	CampaignID  int64
	ID          int64
	Username    string
	Email       string
	FirstName   string
	LastName    string
	DisplayName string
	Status      string
	Metadata    []byte
	LastLoginAt *time.Time
	Version     int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// columns returns row's columns of the table under an alias u; display is the
// expression for the name to show.
func columns(display string) string {
	return `
    u.campaign_id,
    u.id,
    coalesce(u.username, '') AS username,
    u.email,
    coalesce(u.first_name, '') AS first_name,
    coalesce(u.last_name, '') AS last_name,
    ` + display + ` AS display_name,
    u.status,
    u.metadata,
    u.last_login_at,
    u.version,
    u.created_at,
    u.updated_at`
}

// rowColumns are row's columns of a subquery that is made of columns, under the alias u.
const rowColumns = `
    u.campaign_id,
    u.id,
    u.username,
    u.email,
    u.first_name,
    u.last_name,
    u.display_name,
    u.status,
    u.metadata,
    u.last_login_at,
    u.version,
    u.created_at,
    u.updated_at`

const (
	// plainDisplay is what the schema's display_name_computed computes, from the base columns.
	plainDisplay = `CASE
        WHEN u.first_name IS NOT NULL AND u.last_name IS NOT NULL THEN u.first_name || ' ' || u.last_name
        WHEN u.username IS NOT NULL THEN u.username
        ELSE 'User#' || u.id::text
    END`
	computedDisplay = `u.display_name_computed`
)

// declare pairs a statement that spells the display name out with the one that
// reads the column which the schema computes.
func declare(name string, sql func(display string) string) *repository.Declaration {
	return declareTwin(name, sql(plainDisplay), sql(computedDisplay))
}

func declareTwin(name, plain, optimised string) *repository.Declaration {
	return repository.DeclareTwin(twin.Declare("user."+name, twin.Pair{Plain: plain, Optimised: optimised}))
}

// declareList declares a page of a list, whose plan no value makes better.
func declareList(name, plain, optimised string) *repository.Declaration {
	return repository.DeclareTwin(twin.Declare("user."+name, twin.Pair{Plain: plain, Optimised: optimised, PlanMode: database.GenericPlan}))
}

func (r row) message() (*userv1.User, error) {
	metadata, err := wire.Struct(r.Metadata)
	if err != nil {
		return nil, err
	}
	return &userv1.User{
		Id: r.ID, CampaignId: r.CampaignID, Username: r.Username, Email: r.Email,
		FirstName: r.FirstName, LastName: r.LastName, DisplayName: r.DisplayName, Status: r.Status,
		Metadata: metadata, LastLoginAt: wire.OptionalTimestamp(r.LastLoginAt), Version: r.Version,
		CreatedAt: wire.Timestamp(r.CreatedAt), UpdatedAt: wire.Timestamp(r.UpdatedAt),
	}, nil
}

func messages(rows []row) ([]*userv1.User, error) {
	all := make([]*userv1.User, len(rows))
	for i, r := range rows {
		m, err := r.message()
		if err != nil {
			return nil, err
		}
		all[i] = m
	}
	return all, nil
}

func all(rows pgx.Rows, err error) ([]row, error) {
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	return found, fault.FromPostgres(err)
}

func one(rows pgx.Rows, err error) (row, error) {
	if err != nil {
		return row{}, fault.FromPostgres(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[row])
	return found, fault.FromPostgres(err)
}
