package maintenance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWindowsAreTimesOfDayOfTheirZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
		require.NoError(t, err)
		return v.UTC()
	}
	for _, c := range []struct {
		windows   []string
		now       string
		open      bool
		end, next string
	}{
		{[]string{"01:00-05:00"}, "2026-03-10 12:00", false, "", "2026-03-11 01:00"},
		{[]string{"01:00-05:00"}, "2026-03-10 00:59", false, "", "2026-03-10 01:00"},
		{[]string{"01:00-05:00"}, "2026-03-10 01:00", true, "2026-03-10 05:00", ""},
		{[]string{"01:00-05:00"}, "2026-03-10 05:00", false, "", "2026-03-11 01:00"},
		{[]string{"22:00-04:00"}, "2026-03-10 23:00", true, "2026-03-11 04:00", ""},
		{[]string{"22:00-04:00"}, "2026-03-11 03:59", true, "2026-03-11 04:00", ""},
		{[]string{"22:00-04:00"}, "2026-03-11 12:00", false, "", "2026-03-11 22:00"},
		{[]string{"22:00-24:00", "00:00-02:00"}, "2026-03-10 23:30", true, "2026-03-11 00:00", ""},
		// Clocks go from 02:00 to 03:00, and on another day back from 03:00 to 02:00.
		{[]string{"01:00-05:00"}, "2026-03-29 04:00", true, "2026-03-29 05:00", ""},
		{[]string{"01:00-05:00"}, "2026-10-25 04:00", true, "2026-10-25 05:00", ""},
	} {
		w, err := parseWindows(c.windows, "Europe/Berlin")
		require.NoError(t, err)
		end, open := w.end(at(c.now))
		require.Equal(t, c.open, open, c)
		if open {
			require.Equal(t, at(c.end), end.UTC(), c)
			require.Equal(t, at(c.now), w.next(at(c.now)), c)
		} else {
			require.Equal(t, at(c.next), w.next(at(c.now)).UTC(), c)
		}
	}
	always, err := parseWindows(nil, "UTC")
	require.NoError(t, err)
	end, open := always.end(time.Now())
	require.True(t, open)
	require.True(t, end.IsZero())
	for _, wrong := range []string{"1:00-5:00", "01:00", "24:00-01:00", "01:00-24:30", "03:00-03:00", "a-b"} {
		_, err := parseWindows([]string{wrong}, "UTC")
		require.ErrorContains(t, err, "window: ", wrong)
	}
}

func TestPartitionsFollowAsTheyAre(t *testing.T) {
	day := func(text string) time.Time {
		v, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return v
	}
	for _, c := range []struct{ from, to, next string }{
		{"2026-01-01", "2026-02-01", "2026-03-01"},
		{"2026-02-01", "2026-03-01", "2026-04-01"},
		{"2026-01-01", "2026-04-01", "2026-07-01"},
		{"2026-01-01", "2027-01-01", "2028-01-01"},
		{"2026-01-05", "2026-01-12", "2026-01-19"},
	} {
		require.Equal(t, day(c.next), step(day(c.from), day(c.to))(day(c.to)), c)
	}
}
