package platform

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Ready is what `up` tells programs once it answers. Its JSON is a contract. It
// holds passwords and a token, so its file is readable by its owner only.
type Ready struct {
	APIURL           string `json:"api_url"`
	DashboardURL     string `json:"dashboard_url"`
	MetricsURL       string `json:"metrics_url"`
	DatabaseURL      string `json:"database_url"`
	OwnerDatabaseURL string `json:"owner_database_url"`
	// MonitorDatabaseURL is for ovasabi_monitor.
	MonitorDatabaseURL string `json:"monitor_database_url"`
	// Token may read and write the demo campaigns and operate.
	Token string `json:"token"`
	// TokenKeysFile holds the keys that signed it.
	TokenKeysFile string `json:"token_keys_file"`
	PID           int    `json:"pid"`
}

// Write puts the document at path in one step: a reader sees all of it or none.
func (r Ready) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ready-*") // 0600
	if err != nil {
		return readyFault(path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return readyFault(path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return readyFault(path, err)
	}
	return nil
}

// ReadReady reads what a running `up` wrote; a NotFound fault says that there is no such file.
func ReadReady(path string) (Ready, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Ready{}, &fault.Error{Kind: fault.NotFound, Field: path, Message: "is not there: no `ovasabi up` runs on this folder", Err: err}
	}
	if err != nil {
		return Ready{}, readyFault(path, err)
	}
	var r Ready
	if err := json.Unmarshal(text, &r); err != nil {
		return Ready{}, readyFault(path, err)
	}
	return r, nil
}

func readyFault(path string, err error) error {
	return &fault.Error{Kind: fault.Unavailable, Field: path, Message: "cannot be written or read: check the folder and its rights", Err: err}
}
