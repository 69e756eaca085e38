package twin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Flag is one row of ovasabi.twin_flag.
type Flag struct {
	// Campaign is whom the flag is for; 0 speaks for every campaign that has no row of its own.
	Campaign campaign.ID `json:"campaign_id"`
	// Twin is the name of a declared twin, or EveryTwin.
	Twin string `json:"twin"`
	// Percentage is how many calls in a hundred take the optimised side. 0 to 100.
	Percentage int `json:"percentage"`
	// Reason says why, for the operator who comes next. At most 500 characters; may be empty.
	Reason string `json:"reason"`
	// UpdatedAt and UpdatedBy are the database's; Set does not read them.
	UpdatedAt time.Time `json:"updated_at"`
	UpdatedBy string    `json:"updated_by"`
}

func (fl Flag) validate() error {
	switch {
	case fl.Campaign < 0:
		return fault.Field("campaign_id", "must be a campaign's id, or 0 for every campaign")
	case fl.Percentage < 0 || fl.Percentage > 100:
		return fault.Field("percentage", "must be from 0 (plain) to 100 (optimised), not %d", fl.Percentage)
	case len([]rune(fl.Reason)) > 500:
		return fault.Field("reason", "must be at most 500 characters long")
	case fl.Twin == EveryTwin:
		return nil
	}
	if _, ok := Lookup(fl.Twin); !ok {
		return unknownTwin(fl.Twin)
	}
	return nil
}

// unknownTwin refuses a name that would silently do nothing.
func unknownTwin(name string) error {
	all := Declared()
	names := make([]string, 0, len(all))
	for _, t := range all {
		names = append(names, t.name)
	}
	if len(names) == 0 {
		return fault.Field("twin", "must be %s: no twin is declared in this program", EveryTwin)
	}
	return fault.Field("twin", "%q is not declared: must be %s or one of %s", name, EveryTwin, strings.Join(names, ", "))
}

// One statement is one transaction: the notification goes out with the commit, or not at all.
const upsertFlag = `
WITH written AS (
    INSERT INTO ovasabi.twin_flag (campaign_id, twin, percentage, reason)
    VALUES ($1::bigint, $2::text, $3::smallint, $4::text)
    ON CONFLICT (campaign_id, twin) DO UPDATE
        SET percentage = excluded.percentage,
            reason = excluded.reason,
            updated_at = now(),
            updated_by = session_user
    RETURNING 1
)
SELECT pg_notify($5::text, '')
FROM written`

// Set writes a flag and tells every process that follows the flags. An Invalid
// fault names what is wrong with it. db is a pool or a transaction; in a
// transaction it is told at commit.
func Set(ctx context.Context, db database.Querier, fl Flag) error {
	if err := fl.validate(); err != nil {
		return err
	}
	_, err := db.Exec(ctx, upsertFlag, fl.Campaign.Int64(), fl.Twin, fl.Percentage, fl.Reason, Channel)
	return fault.FromPostgres(err)
}

const deleteFlag = `
WITH gone AS (
    DELETE FROM ovasabi.twin_flag
    WHERE campaign_id = $1::bigint
      AND twin = $2::text
    RETURNING 1
)
SELECT pg_notify($3::text, '')
FROM gone`

// Clear removes a flag, so that the next one in precedence holds, and tells
// every process. A NotFound fault says that there was none.
func Clear(ctx context.Context, db database.Querier, id campaign.ID, twin string) error {
	tag, err := db.Exec(ctx, deleteFlag, id.Int64(), twin, Channel)
	if err != nil {
		return fault.FromPostgres(err)
	}
	if tag.RowsAffected() == 0 {
		return &fault.Error{Kind: fault.NotFound, Field: "twin", Message: fmt.Sprintf("no flag for %q in campaign %d", twin, id)}
	}
	return nil
}

const listFlags = `
SELECT campaign_id, twin, percentage, reason, updated_at, updated_by::text
FROM ovasabi.twin_flag
ORDER BY campaign_id, twin`

// List reads the flags from the table, by campaign and twin.
func List(ctx context.Context, db database.Querier) ([]Flag, error) {
	rows, err := db.Query(ctx, listFlags)
	if err != nil {
		return nil, fault.FromPostgres(err)
	}
	flags, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Flag, error) {
		var fl Flag
		var id int64
		err := r.Scan(&id, &fl.Twin, &fl.Percentage, &fl.Reason, &fl.UpdatedAt, &fl.UpdatedBy)
		fl.Campaign = campaign.ID(id)
		return fl, err
	})
	return flags, fault.FromPostgres(err)
}

// revertFlags turns a twin off for everybody: the common row, every campaign's
// own row for the twin, and campaigns whose row for all twins would outweigh the
// common one.
const revertFlags = `
WITH written AS (
    INSERT INTO ovasabi.twin_flag (campaign_id, twin, percentage, reason)
    SELECT who.campaign_id, $1::text, 0, $2::text
    FROM (
        SELECT 0::bigint AS campaign_id
        UNION
        SELECT campaign_id
        FROM ovasabi.twin_flag
        WHERE twin IN ($1::text, '*')
          AND percentage > 0
    ) AS who
    ORDER BY who.campaign_id -- so that two processes that revert at once wait for each other instead of deadlocking
    ON CONFLICT (campaign_id, twin) DO UPDATE
        SET percentage = excluded.percentage,
            reason = excluded.reason,
            updated_at = now(),
            updated_by = session_user
    RETURNING 1
)
SELECT pg_notify($3::text, '')
FROM (SELECT count(*) FROM written) AS told`

// Revert sets the twin to its plain side for every campaign, with the reason,
// and tells every process.
func Revert(ctx context.Context, db database.Querier, t *Twin, reason string) error {
	if r := []rune(reason); len(r) > 500 {
		reason = string(r[:500])
	}
	_, err := db.Exec(ctx, revertFlags, t.name, reason, Channel)
	return fault.FromPostgres(err)
}
