package pgconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Result says what Apply or Rollback did. Its JSON is printed with --json.
type Result struct {
	// Changed are the settings, with their values before (empty: none in postgresql.auto.conf) and after.
	Changed []Changed `json:"changed"`
	// Restart names those that come into force with the next restart; the others are in force.
	Restart []string `json:"restart"`
	// Check says how it was made sure that the server starts with them.
	Check string `json:"check"`
	// Kept names what was changed by somebody else meanwhile and left as it is.
	Kept []string `json:"kept"`
	// StateFile holds what a rollback needs.
	StateFile string `json:"state_file"`
}

// Changed is one setting.
type Changed struct {
	Name   string  `json:"name"`
	Before *string `json:"before"`
	After  *string `json:"after"`
}

// Options shape Apply and Rollback.
type Options struct {
	// StateFile keeps the former values; see StateFile.
	StateFile string
	// BinDir holds postgres and initdb of the server's version. Empty looks for them.
	BinDir string
	// Progress hears each step that takes seconds. May be nil.
	Progress func(string)
}

func (o Options) progress(line string) {
	if o.Progress != nil {
		o.Progress(line)
	}
}

// Apply writes those lines of the configuration that differ from what is in force,
// through ALTER SYSTEM, after they were tried. Where the server refuses one, all are
// taken back. It reloads the server; it never restarts it.
//
// A fault is Invalid for values with which the server would not start, and Denied
// for a role that may not; nothing is changed then.
func Apply(ctx context.Context, conn *pgx.Conn, s *Server, c Config, o Options) (Result, error) {
	result := Result{Changed: []Changed{}, Restart: []string{}, Kept: []string{}, StateFile: o.StateFile}
	var entries []Entry
	for _, l := range c.Lines {
		if l.Change {
			entries = append(entries, Entry{l.Name, l.Value})
		}
	}
	if err := mayAlter(s, entries); err != nil {
		return result, err
	}
	before, err := readEntries(ctx, conn)
	if err != nil {
		return result, err
	}
	// A change that only waits for its restart was made already.
	entries = slices.DeleteFunc(entries, func(e Entry) bool {
		was, found := find(before, e.Name)
		return found && s.same(e.Name, was.Value, e.Value)
	})
	if len(entries) == 0 {
		result.Check = "nothing to change"
		result.Restart, err = pending(ctx, conn)
		return result, err
	}
	if result.Check, err = s.try(ctx, conn, entries, o); err != nil {
		return result, err
	}
	st, err := readState(o.StateFile, s.Identifier)
	if err != nil {
		return result, err
	}
	made := change{At: time.Now().UTC(), Before: before, Set: entries}
	st.Changes = append(st.Changes, made)
	if err := st.write(o.StateFile); err != nil {
		return result, err
	}
	for _, e := range entries {
		if err = set(ctx, conn, e); err != nil {
			break
		}
	}
	if err == nil {
		err = refused(ctx, conn)
	}
	if err == nil {
		err = reload(ctx, conn)
	}
	if err == nil {
		result.Restart, err = pending(ctx, conn)
	}
	if err != nil {
		return result, errors.Join(err, undo(conn, made, st, o))
	}
	for _, e := range entries {
		ch := Changed{Name: e.Name, After: &e.Value}
		if was, found := find(before, e.Name); found {
			ch.Before = &was.Value
		}
		result.Changed = append(result.Changed, ch)
	}
	return result, nil
}

// same compares two values of a setting whatever their units.
func (s *Server) same(name, a, b string) bool {
	x, errX := s.Settings[name].normal(a)
	y, errY := s.Settings[name].normal(b)
	return errX == nil && errY == nil && x == y
}

// undoTime bounds taking back what was half done, after whatever ended the caller's context.
const undoTime = 30 * time.Second

func undo(conn *pgx.Conn, made change, st state, o Options) error {
	ctx, cancel := context.WithTimeout(context.Background(), undoTime)
	defer cancel()
	if _, err := restore(ctx, conn, made); err != nil {
		return fmt.Errorf("what was set could not be taken back; run ovasabi config rollback: %w", err)
	}
	st.Changes = st.Changes[:len(st.Changes)-1]
	return errors.Join(reload(ctx, conn), st.write(o.StateFile))
}

// Rollback takes the last Apply back: what it set reads as before, and what was not
// in postgresql.auto.conf is not there again. What somebody changed since is left.
// A NotFound fault says that there is nothing to take back.
func Rollback(ctx context.Context, conn *pgx.Conn, s *Server, o Options) (Result, error) {
	result := Result{Changed: []Changed{}, Restart: []string{}, Kept: []string{}, StateFile: o.StateFile}
	st, err := readState(o.StateFile, s.Identifier)
	if err != nil {
		return result, err
	}
	if len(st.Changes) == 0 {
		return result, fault.New(fault.NotFound, "%s holds no settings to take back: nothing was applied, or it was with another --state", o.StateFile)
	}
	last := st.Changes[len(st.Changes)-1]
	if err := mayAlter(s, last.Set); err != nil {
		return result, err
	}
	now, err := readEntries(ctx, conn)
	if err != nil {
		return result, err
	}
	if result.Kept, err = restore(ctx, conn, last); err != nil {
		return result, err
	}
	if err := refused(ctx, conn); err != nil {
		return result, err
	}
	if err := reload(ctx, conn); err != nil {
		return result, err
	}
	if result.Restart, err = pending(ctx, conn); err != nil {
		return result, err
	}
	st.Changes = st.Changes[:len(st.Changes)-1]
	if err := st.write(o.StateFile); err != nil {
		return result, err
	}
	result.Check = "these values were in force before"
	for _, e := range last.Set {
		if slices.Contains(result.Kept, e.Name) {
			continue
		}
		ch := Changed{Name: e.Name}
		if was, found := find(now, e.Name); found {
			ch.Before = &was.Value
		}
		if then, found := find(last.Before, e.Name); found {
			ch.After = &then.Value
		}
		result.Changed = append(result.Changed, ch)
	}
	return result, nil
}

// restore brings postgresql.auto.conf back, to its order of lines: ALTER SYSTEM moves
// a line to the end, so that from the first changed one on all are written again.
func restore(ctx context.Context, conn *pgx.Conn, c change) (kept []string, err error) {
	kept = []string{}
	now, err := readEntries(ctx, conn)
	if err != nil {
		return kept, err
	}
	foreign := map[string]bool{} // what others changed since
	for _, e := range c.Set {
		present, found := find(now, e.Name)
		was, had := find(c.Before, e.Name)
		switch {
		case found && present.Value == e.Value, !found && !had, found && had && present.Value == was.Value:
		default:
			foreign[e.Name] = true
			kept = append(kept, e.Name)
		}
	}
	for _, e := range c.Set {
		if _, had := find(c.Before, e.Name); !had && !foreign[e.Name] {
			if err := reset(ctx, conn, e.Name); err != nil {
				return kept, err
			}
		}
	}
	begun := false
	for i, e := range c.Before {
		if last, _ := find(c.Before[i+1:], e.Name); last.Name != "" {
			continue // a later line of this name counts
		}
		_, changed := find(c.Set, e.Name)
		begun = begun || changed
		present, found := find(now, e.Name)
		switch {
		case foreign[e.Name], !begun, !changed && (!found || present.Value != e.Value):
			continue
		}
		if err := set(ctx, conn, e); err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// mayAlter names the grants that the role lacks.
func mayAlter(s *Server, entries []Entry) error {
	var lacks []string
	for _, e := range entries {
		if known, found := s.Settings[e.Name]; found && !known.MayAlter {
			lacks = append(lacks, e.Name)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return fault.New(fault.Denied, "the role %[1]s may not set %[2]s: name a superuser in --database-url, or run GRANT ALTER SYSTEM ON PARAMETER %[2]s TO %[1]s", s.Role, strings.Join(lacks, ", "))
}
