package pgconfig

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Entry is one setting as postgresql.auto.conf holds it.
type Entry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// change is one apply, with what it needs to be taken back.
type change struct {
	At time.Time `json:"at"`
	// Before are all entries of postgresql.auto.conf, in their order.
	Before []Entry `json:"before"`
	// Set are the entries that apply wrote.
	Set []Entry `json:"set"`
}

// state is a file beside the operator's data, because ALTER SYSTEM is about the
// server and a table would stand in one of its databases. It names the cluster.
type state struct {
	Identifier string   `json:"system_identifier"`
	Changes    []change `json:"changes"`
}

// StateFile is where the changes of a cluster are kept in a folder.
func StateFile(dir, identifier string) string {
	return filepath.Join(dir, "config-"+identifier+".json")
}

func readState(path, identifier string) (state, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{Identifier: identifier}, nil
	}
	if err != nil {
		return state{}, stateFault(path, err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return s, stateFault(path, err)
	}
	if s.Identifier != identifier {
		return s, fault.New(fault.Invalid, "%s keeps the settings of another cluster (%s, and this one is %s): name another file with --state", path, s.Identifier, identifier)
	}
	return s, nil
}

// write puts the file there in one step and onto the disk: it is written before the first setting is.
func (s state) write(path string) error {
	if len(s.Changes) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return stateFault(path, err)
		}
		return nil
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return stateFault(path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return stateFault(path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".config-*") // 0600: settings may hold passwords
	if err != nil {
		return stateFault(path, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when all went well
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return stateFault(path, err)
	}
	return nil
}

func stateFault(path string, err error) error {
	return &fault.Error{Kind: fault.Unavailable, Field: path, Message: "keeps the former settings and cannot be read or written: mend it, or name another file with --state", Err: err}
}
