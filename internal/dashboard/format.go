package dashboard

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// unknown is what a page shows for a figure that is not known: never a zero.
const unknown = "–"

// whole writes a number with its thousands apart.
func whole[T int | int32 | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return sign + s
}

func wholeOr[T int32 | int64](n *T) string {
	if n == nil {
		return unknown
	}
	return whole(*n)
}

// bytesOf writes a size in powers of 1,000.
func bytesOf[T int64 | float64](n T) string {
	v := float64(n)
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for v >= 1000 && i < len(units)-1 {
		v /= 1000
		i++
	}
	return short(v) + "\u00a0" + units[i]
}

func bytesOr[T int64 | float64](n *T) string {
	if n == nil {
		return unknown
	}
	return bytesOf(*n)
}

func bytesPerS(n *float64) string {
	if n == nil {
		return unknown
	}
	return bytesOf(*n) + "/s"
}

// short writes a number in about three digits.
func short(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100:
		return whole(int64(v + 0.5))
	case v >= 10:
		return trimmed(v, 1)
	case v >= 0.01:
		return trimmed(v, 2)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

func trimmed(v float64, digits int) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', digits, 64), "0"), ".")
}

func perS(v *float64) string {
	if v == nil {
		return unknown
	}
	return short(*v) + "/s"
}

func percent(v *float64) string {
	if v == nil {
		return unknown
	}
	if *v >= 0.9995 || *v == 0 {
		return strconv.FormatFloat(*v*100, 'f', 0, 64) + "\u00a0%"
	}
	return strconv.FormatFloat(*v*100, 'f', 1, 64) + "\u00a0%"
}

// msOf writes milliseconds.
func msOf(v float64) string {
	if v >= 10_000 {
		return durationOf(time.Duration(v * float64(time.Millisecond)))
	}
	return short(v) + "\u00a0ms"
}

func msOr(v *float64) string {
	if v == nil {
		return unknown
	}
	return msOf(*v)
}

// durationOf writes a duration in its two largest units.
func durationOf(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return short(float64(d)/float64(time.Millisecond)) + "\u00a0ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "\u00a0s"
	case d < time.Hour:
		return fmt.Sprintf("%d\u00a0min %d\u00a0s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d\u00a0h %d\u00a0min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d\u00a0days", int(d.Hours()/24))
	}
}

// since writes how long ago something was, by the clock of the one that says now.
func since(now time.Time, t *time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return durationOf(now.Sub(*t)) + " ago"
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func yes(b bool, is, isNot string) string {
	if b {
		return is
	}
	return isNot
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return whole(n) + " " + many
}

// fragment makes an element's id of a name.
func fragment(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}
