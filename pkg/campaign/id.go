// Package campaign holds the tenant of every row: its identifier, how it
// travels in a context, and the scope that carries it to PostgreSQL, where
// row-level security stands behind every query.
//
// Nothing here fails open: without a campaign in the context there is an error
// before any SQL, and where SQL is reached all the same the policies show zero rows.
package campaign

import (
	"database/sql/driver"
	"strconv"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// ID identifies a campaign. A valid ID is positive; the zero ID is no campaign
// and every function that takes an ID refuses it. Make one with ParseID or
// NewID, once, where the number enters the program.
type ID int64

// NewID returns n as an ID, or an Invalid fault unless n is positive.
func NewID(n int64) (ID, error) {
	if n <= 0 {
		return 0, fault.Field("campaign_id", "must be a positive whole number")
	}
	return ID(n), nil
}

// ParseID reads the decimal form that String writes: digits only, no sign, no
// leading zero, at most 9223372036854775807. One campaign has one spelling, so
// that a cache, a log or a limit keyed by the text cannot be split in two.
func ParseID(s string) (ID, error) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, fault.Field("campaign_id", "must be a positive whole number in digits")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fault.Field("campaign_id", "must be a positive whole number of at most 9223372036854775807")
	}
	return ID(n), nil
}

// Valid reports whether the ID names a campaign.
func (id ID) Valid() bool { return id > 0 }

// Int64 returns the ID as PostgreSQL's bigint.
func (id ID) Int64() int64 { return int64(id) }

// String returns the ID in decimal digits.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// Value makes an ID a query parameter; the zero ID is refused rather than sent.
func (id ID) Value() (driver.Value, error) {
	if !id.Valid() {
		return nil, fault.Field("campaign_id", "must be a positive whole number")
	}
	return int64(id), nil
}
