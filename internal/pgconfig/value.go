package pgconfig

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Units of PostgreSQL's settings, in bytes and in microseconds.
// Source: https://www.postgresql.org/docs/18/config-setting.html#CONFIG-SETTING-NAMES-VALUES
var (
	byteUnits = map[string]float64{"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
	timeUnits = map[string]float64{"us": 1, "ms": 1e3, "s": 1e6, "min": 60e6, "h": 3600e6, "d": 86400e6}
)

// normal brings a value into the form in which pg_settings shows it, or returns an
// Invalid fault that names the setting and what it takes.
func (s Setting) normal(value string) (string, error) {
	switch s.Type {
	case "bool":
		switch strings.ToLower(value) {
		case "on", "true", "yes", "1":
			return "on", nil
		case "off", "false", "no", "0":
			return "off", nil
		default:
			return "", fault.Field(s.Name, "must be on or off, not %q", value)
		}
	case "enum":
		// boot_val and hidden spellings are not in the list, which is why only the listed ones are offered.
		if !slices.Contains(s.Enum, value) {
			return "", fault.Field(s.Name, "must be one of %s in this build, not %q", strings.Join(s.Enum, ", "), value)
		}
		return value, nil
	case "integer", "real":
		return s.number(value)
	default:
		return value, nil
	}
}

func (s Setting) number(value string) (string, error) {
	end := strings.LastIndexAny(value, "0123456789.") + 1
	n, err := strconv.ParseFloat(strings.TrimSpace(value[:end]), 64)
	if err != nil {
		return "", fault.Field(s.Name, "must be a number%s, not %q", s.unitHint(), value)
	}
	if unit := strings.TrimSpace(value[end:]); unit != "" {
		factor, ok := s.factor(unit)
		if !ok {
			return "", fault.Field(s.Name, "has no unit %q: give a number%s", unit, s.unitHint())
		}
		n *= factor
	}
	if s.Type == "integer" {
		n = math.Round(n)
	}
	least, errLeast := strconv.ParseFloat(s.Min, 64)
	most, errMost := strconv.ParseFloat(s.Max, 64)
	if errLeast == nil && errMost == nil && (n < least || n > most) {
		return "", fault.Field(s.Name, "must be from %s to %s%s, not %q", s.Min, s.Max, s.unitHint(), value)
	}
	return strconv.FormatFloat(n, 'f', -1, 64), nil
}

func (s Setting) unitHint() string {
	if s.Unit == "" {
		return ""
	}
	return " in " + s.Unit
}

// factor is how many of the setting's own units one of the given is.
func (s Setting) factor(unit string) (float64, bool) {
	base := s.Unit
	count := 1.0
	if digits := strings.IndexFunc(base, func(r rune) bool { return r < '0' || r > '9' }); digits > 0 { // 8kB
		count, _ = strconv.ParseFloat(base[:digits], 64)
		base = base[digits:]
	}
	for _, units := range []map[string]float64{byteUnits, timeUnits} {
		if own, ok := units[base]; ok {
			given, ok := units[unit]
			return given / (own * count), ok
		}
	}
	return 0, false
}

// written is the current value as a person would write it.
func (s Setting) written() string {
	n, err := strconv.ParseInt(s.Value, 10, 64)
	if err != nil || s.Unit == "" || n <= 0 {
		return s.Value
	}
	if _, isTime := timeUnits[s.Unit]; isTime {
		return s.Value + s.Unit
	}
	factor, ok := s.factor("B")
	if !ok || factor == 0 {
		return s.Value + s.Unit
	}
	return Bytes(int64(math.Round(float64(n) / factor)))
}
