package monitoring

import "time"

// growth is how much a counter grew between two readings of it. After a reset
// the counter began anew, so that what it shows is what it grew by at least.
// nil stands for unknown: no reading before, or a NULL.
func growth[T int64 | float64](before, now *T, reset bool) *T {
	if now == nil || before == nil {
		return nil
	}
	if reset || *now < *before {
		return new(*now)
	}
	return new(*now - *before)
}

// perSecond is a growth over the time between the readings.
func perSecond[T int64 | float64](grown *T, over time.Duration) *float64 {
	if grown == nil || over <= 0 {
		return nil
	}
	return new(float64(*grown) / over.Seconds())
}

func rateOf[T int64 | float64](before, now *T, reset bool, over time.Duration) *float64 {
	return perSecond(growth(before, now, reset), over)
}

// wasReset tells whether statistics were reset between two readings.
func wasReset(before, now *time.Time) bool {
	switch {
	case now == nil:
		return false
	case before == nil:
		return true
	default:
		return !now.Equal(*before)
	}
}

// add sums what is known; nil plus nil stays unknown.
func add(a, b *float64) *float64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	default:
		return new(*a + *b)
	}
}

// share is part of whole between 0 and 1, unknown where there is no whole.
func share(part, whole *float64) *float64 {
	if part == nil || whole == nil || *whole <= 0 {
		return nil
	}
	return new(*part / *whole)
}
