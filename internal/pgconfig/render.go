// Package pgconfig computes PostgreSQL's settings for a machine and a workload,
// applies them through ALTER SYSTEM after they were tried, and takes them back.
//
// The starting point is the plan's template. What scales with the machine is
// computed; what this server does not know is left out, with the reason.
package pgconfig

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Profile is the kind of work that the server does.
type Profile string

// The profiles: many small transactions, these and reports, or large loads and reports.
const (
	OLTP  Profile = "oltp"
	Mixed Profile = "mixed"
	Bulk  Profile = "bulk"
)

// ParseProfile checks a profile given on the command line.
func ParseProfile(s string) (Profile, error) {
	switch p := Profile(s); p {
	case OLTP, Mixed, Bulk:
		return p, nil
	default:
		return "", fault.Field("profile", "must be oltp, mixed or bulk, not %q", s)
	}
}

// Line is one setting with its reason. Its JSON is printed by `config render --json`.
type Line struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Reason string `json:"reason"`
	// Template is the plan's value; empty where the plan has no such line.
	Template string `json:"template,omitempty"`
	// Current is what is in force, in the server's own writing.
	Current string `json:"current"`
	// Change tells that Value differs from it.
	Change bool `json:"change"`
	// Restart tells that the value comes into force with a restart only.
	Restart bool `json:"restart"`

	section string
}

// Left is a line of the template that is not in the configuration, and why.
type Left struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Config is what Render computed.
type Config struct {
	Machine Machine `json:"machine"`
	Profile Profile `json:"profile"`
	Server  string  `json:"server"`
	Lines   []Line  `json:"lines"`
	Left    []Left  `json:"left"`
}

// Override is a value that the operator chose over the computed one.
type Override struct{ Name, Value string }

// ParseOverride reads NAME=VALUE.
func ParseOverride(s string) (Override, error) {
	name, value, found := strings.Cut(s, "=")
	o := Override{strings.TrimSpace(name), strings.TrimSpace(value)}
	if !found || o.Name == "" || strings.ContainsAny(o.Value, "\n\r\x00") {
		return o, fault.Field("set", "must be NAME=VALUE on one line, such as work_mem=64MB, not %q", s)
	}
	return o, nil
}

// Render computes the configuration. An Invalid fault names what of the machine or
// of the overrides cannot be.
func Render(m Machine, p Profile, s *Server, overrides ...Override) (Config, error) {
	if err := m.Validate(); err != nil {
		return Config{}, err
	}
	r := &renderer{Config: Config{Machine: m, Profile: p, Server: s.Version, Lines: []Line{}, Left: []Left{}}, server: s}
	r.all()
	for _, o := range overrides {
		if err := r.override(o); err != nil {
			return Config{}, err
		}
	}
	for i := range r.Lines {
		line := &r.Lines[i]
		set := s.Settings[line.Name]
		value, err := set.normal(line.Value)
		if err != nil {
			return Config{}, err
		}
		line.Current = set.written()
		line.Change = value != set.Value
		line.Restart = set.Context == "postmaster"
	}
	return r.Config, nil
}

type renderer struct {
	Config
	server  *Server
	section string
}

// set adds a line, or says why this server gets none.
func (r *renderer) set(name, template, value, reason string, args ...any) {
	set, known := r.server.Settings[name]
	switch {
	case !known:
		r.leave(name, "this server does not know it")
		return
	case set.Context == "internal":
		r.leave(name, "it is fixed in this build")
		return
	case set.Type == "enum" && !slices.Contains(set.Enum, strings.Trim(value, "'")):
		r.leave(name, fmt.Sprintf("this build takes %s, not %s", strings.Join(set.Enum, ", "), value))
		return
	}
	r.Lines = append(r.Lines, Line{Name: name, Value: value, Reason: fmt.Sprintf(reason, args...), Template: template, section: r.section})
}

func (r *renderer) leave(name, reason string) { r.Left = append(r.Left, Left{name, reason}) }

func (r *renderer) override(o Override) error {
	if !r.server.Has(o.Name) {
		return fault.Field("set", "the server knows no setting %q: see the names in pg_settings", o.Name)
	}
	i := slices.IndexFunc(r.Lines, func(l Line) bool { return l.Name == o.Name })
	if i < 0 {
		r.Lines = append(r.Lines, Line{Name: o.Name, section: "Chosen by hand"})
		i = len(r.Lines) - 1
	}
	r.Lines[i].Value, r.Lines[i].Reason = o.Value, "chosen with --set"
	return nil
}

// WriteTo writes the lines as a postgresql.conf that can be included.
func (c Config) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# PostgreSQL %s on %s; profile %s.\n", c.Server, c.Machine, c.Profile)
	for _, note := range c.Machine.Notes {
		fmt.Fprintf(&b, "# Note: %s.\n", note)
	}
	section := ""
	for _, l := range c.Lines {
		if l.section != section {
			section = l.section
			fmt.Fprintf(&b, "\n# %s\n", section)
		}
		restart := ""
		if l.Restart {
			restart = " (needs a restart)"
		}
		fmt.Fprintf(&b, "\n# %s%s\n%s = %s\n", l.Reason, restart, l.Name, confValue(l.Value))
	}
	for i, l := range c.Left {
		if i == 0 {
			b.WriteString("\n# Left out\n")
		}
		fmt.Fprintf(&b, "# %s: %s\n", l.Name, l.Reason)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// confValue quotes a value for postgresql.conf.
func confValue(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(v) + "'"
}
