package repository

import (
	"slices"
	"time"

	"github.com/ovasabi/ovasabi/pkg/campaign"
)

// TestClock is a clock that stands until it is told to go on.
type TestClock struct{ at time.Time }

// NewTestClock returns a clock that shows now.
func NewTestClock() *TestClock { return &TestClock{time.Now()} }

// NextRound goes on by one round of the campaigns' places.
func (c *TestClock) NextRound() { c.at = c.at.Add(campaignRound) }

// TestShares lets a test watch who has a series.
type TestShares struct{ *campaignShares }

// NewTestShares returns shares with that many places.
func NewTestShares(top int, c *TestClock) TestShares {
	s := newCampaignShares(top)
	s.now, s.began = func() time.Time { return c.at }, c.at
	return TestShares{s}
}

// Observe counts an operation.
func (s TestShares) Observe(id campaign.ID, took time.Duration) { s.observe(id, took) }

// Labels returns the labels that have series, sorted.
func (s TestShares) Labels() []string {
	labels := []string{other}
	for id := range *s.shown.Load() {
		labels = append(labels, id.String())
	}
	slices.Sort(labels)
	return labels
}

// Sketched returns how many campaigns are remembered without a place.
func (s TestShares) Sketched() int { return len(s.sketch) }

// ReverseReturning returns the table with statements that hand out their rows
// backwards: what RETURNING is allowed to do.
func ReverseReturning(t *Table) *Table {
	reversed := *t
	for i, text := range reversed.texts {
		reversed.texts[i] = "WITH written AS (" + text + ") SELECT * FROM written ORDER BY 2 DESC"
	}
	return &reversed
}
