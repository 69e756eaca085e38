package maintenance

import (
	"regexp"
	"strconv"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// window is a time of every day, in minutes since midnight on the clock of a zone.
type window struct{ from, to int }

// windows are times of day; none is always.
type windows struct {
	list []window
	zone *time.Location
}

var windowForm = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$`)

func parseWindows(texts []string, zone string) (windows, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return windows{}, fault.Field("time-zone", "must be a time zone such as Europe/Berlin or UTC, not %q", zone)
	}
	w := windows{zone: location}
	for _, text := range texts {
		parts := windowForm.FindStringSubmatch(text)
		if parts == nil {
			return windows{}, fault.Field("window", "must be two times such as 01:00-05:00, not %q", text)
		}
		number := func(i int) int { n, _ := strconv.Atoi(parts[i]); return n } // the form holds digits only
		one := window{60*number(1) + number(2), 60*number(3) + number(4)}
		if one.to > 24*60 || one.from == one.to {
			return windows{}, fault.Field("window", "must end after it begins and not after 24:00, unlike %q", text)
		}
		w.list = append(w.list, one)
	}
	return w, nil
}

// at is the moment at which the zone's clocks show so many minutes after midnight
// of t's day, some days on. Where a clock is put forward over it, it is that much later.
func (w windows) at(t time.Time, days, minutes int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, minutes, 0, 0, w.zone)
}

// end returns when the window that is open at t closes, and whether one is open.
// Without windows it is open, and closes never: the zero time.
func (w windows) end(t time.Time) (time.Time, bool) {
	if len(w.list) == 0 {
		return time.Time{}, true
	}
	t = t.In(w.zone)
	var end time.Time
	for _, one := range w.list {
		for _, day := range []int{-1, 0} {
			from, to := w.at(t, day, one.from), w.at(t, day, one.to)
			if one.to < one.from {
				to = w.at(t, day+1, one.to)
			}
			if !t.Before(from) && t.Before(to) && to.After(end) {
				end = to
			}
		}
	}
	return end, !end.IsZero()
}

// next returns when a window opens after t; t itself where one is open.
func (w windows) next(t time.Time) time.Time {
	if _, open := w.end(t); open {
		return t
	}
	t = t.In(w.zone)
	var next time.Time
	for _, one := range w.list {
		for _, day := range []int{0, 1} {
			if from := w.at(t, day, one.from); from.After(t) && (next.IsZero() || from.Before(next)) {
				next = from
			}
		}
	}
	return next
}
