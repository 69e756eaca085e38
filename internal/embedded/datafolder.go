package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The names in a data folder. Only the cluster belongs to the server's user.
const (
	clusterName     = "postgresql"       // the cluster itself
	newClusterName  = "postgresql.new"   // one that initdb is writing
	lockName        = "ovasabi.lock"     // held while a server runs; says who holds it
	credentialsName = "credentials.json" // the passwords, readable by us alone
	logName         = "postgresql.log"   // what the server says
)

// A HeldError says that another process runs a server on the data folder.
type HeldError struct {
	DataDir string
	PID     int       // of the holder; 0 if it is not known
	Since   time.Time // when it took the folder; zero if it is not known
}

func (e *HeldError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	since := ""
	if !e.Since.IsZero() {
		since = " since " + e.Since.Local().Format("2006-01-02 15:04:05") //nolint:gosmopolitan // for a person at this machine
	}
	return fmt.Sprintf("the data folder %s is in use by %s%s: stop that one first, or choose another folder with --data", e.DataDir, who, since)
}

// holder is the content of the lock file. It outlives the server, for its port.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
	Port  int       `json:"port,omitempty"`
}

// A dataFolder is a data folder that this process holds.
type dataFolder struct {
	path string
	who  account
	lock *os.File
	port int // of the server that ran here last; 0 if none did
}

func (f *dataFolder) cluster() string         { return filepath.Join(f.path, clusterName) }
func (f *dataFolder) file(name string) string { return filepath.Join(f.path, name) }
func (f *dataFolder) say(h holder) error      { return f.write(lockName, h) }
func (f *dataFolder) release() error          { return f.lock.Close() }

// handoverTime is how long a server whose owner died may take to stop.
const handoverTime = 30 * time.Second

// claim makes the folder where it is not there, refuses one that is not ours, and
// locks it.
func claim(ctx context.Context, path string, progress func(string)) (*dataFolder, error) {
	who, err := serverAccount(filepath.Join(path, clusterName))
	if err != nil {
		return nil, err
	}
	folder := &dataFolder{path: path, who: who}
	if err := folder.make(); err != nil {
		return nil, err
	}
	if err := folder.checkOurs(); err != nil {
		return nil, err
	}
	folder.lock, err = os.OpenFile(folder.file(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, folder.explain("write to", err)
	}
	if err := folder.hold(ctx, progress); err != nil {
		return nil, errors.Join(err, folder.lock.Close())
	}
	if err := errors.Join(folder.checkVersion(), folder.open()); err != nil {
		return nil, errors.Join(err, folder.lock.Close())
	}
	return folder, nil
}

func (f *dataFolder) make() error {
	info, err := os.Stat(f.path)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("the data folder %s is a file: choose a folder with --data", f.path)
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return f.explain("look into", err)
	}
	if f.who.switched {
		err = makeReadableFolder(f.path)
	} else {
		err = os.MkdirAll(f.path, 0o700)
	}
	if err != nil {
		return f.explain("make", err)
	}
	return nil
}

func (f *dataFolder) explain(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return f.fullDisk()
	}
	return fmt.Errorf("cannot %s the data folder %s: %w; choose a folder that you may write to with --data", doing, f.path, err)
}

// checkOurs refuses a folder with other people's files: a mistyped --data must
// never mix a database into them.
func (f *dataFolder) checkOurs() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return f.explain("read", err)
	}
	var strange []string
	for _, entry := range entries {
		switch entry.Name() {
		case lockName:
			return nil
		case "lost+found", ".DS_Store": // made by the system, in a mount point and by Finder
		default:
			strange = append(strange, entry.Name())
		}
	}
	if len(strange) == 0 {
		return nil
	}
	const named = 3
	list := strings.Join(strange[:min(named, len(strange))], ", ")
	if len(strange) > named {
		list += ", …"
	}
	return fmt.Errorf("the folder %s holds files that are not ours (%s): name a new or an empty folder with --data", f.path, list)
}

// hold takes the lock. Where its holder has died, its server is still being
// stopped, and the lock comes free when that has ended.
func (f *dataFolder) hold(ctx context.Context, progress func(string)) error {
	deadline := time.Now().Add(handoverTime)
	told := false
	for {
		taken, err := TryLock(f.lock)
		if err != nil {
			return err
		}
		last := f.lastHolder()
		if taken {
			f.port = last.Port
			return f.say(holder{PID: os.Getpid(), Since: time.Now(), Port: last.Port})
		}
		if last.PID == 0 || alive(last.PID) || time.Now().After(deadline) {
			return &HeldError{DataDir: f.path, PID: last.PID, Since: last.Since}
		}
		if !told {
			progress("waiting for the PostgreSQL of a process that died to stop")
			told = true
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (f *dataFolder) lastHolder() holder {
	var last holder
	content, err := os.ReadFile(f.file(lockName))
	if err != nil || json.Unmarshal(content, &last) != nil {
		return holder{} // empty when it has just been made, or half written
	}
	return last
}

// checkVersion refuses a cluster that this PostgreSQL cannot read.
func (f *dataFolder) checkVersion() error {
	content, err := os.ReadFile(filepath.Join(f.cluster(), "PG_VERSION"))
	if err == nil {
		version := strings.TrimSpace(string(content))
		if version == strconv.Itoa(Major) {
			return nil
		}
		return fmt.Errorf("the data folder %s was made by PostgreSQL %s, and this is PostgreSQL %d: move the data with pg_upgrade, "+
			"or pg_dumpall there and load it here, or choose another folder with --data", f.path, version, Major)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return f.explain("read", err)
	}
	entries, err := os.ReadDir(f.cluster())
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil // to be made
	}
	if err != nil {
		return f.explain("read", err)
	}
	return fmt.Errorf("%s holds files but no cluster of PostgreSQL (no PG_VERSION): move it away, or choose another folder with --data", f.cluster())
}

// open makes sure that the server's user can pass through to the cluster.
func (f *dataFolder) open() error {
	if !f.who.switched {
		return nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return f.explain("look into", err)
	}
	// The folder is ours, so its mode is ours to widen (a folder from mktemp is
	// closed); the ones above it are not.
	if err := os.Chmod(f.path, info.Mode().Perm()|0o011); err != nil {
		return f.explain("open", err)
	}
	for dir := filepath.Dir(f.path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return f.explain("look above", err)
		}
		if !mayEnter(info, f.who) {
			return fmt.Errorf("PostgreSQL refuses to run as root and runs as %s, who may not enter %s (mode %v): "+
				"choose a data folder outside of it with --data, or run chmod o+x %[2]s", f.who, dir, info.Mode())
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// write replaces a small file of ours that nobody else may read.
func (f *dataFolder) write(name string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	text = append(text, '\n')
	if name == lockName { // a rename would leave the lock on the old file
		return f.rewriteLock(text)
	}
	temporary := f.file(name + ".new")
	if err := writeDurably(temporary, text); err != nil {
		return f.explain("write to", err)
	}
	if err := os.Rename(temporary, f.file(name)); err != nil {
		return f.explain("write to", err)
	}
	return nil
}

func (f *dataFolder) rewriteLock(text []byte) error {
	if err := f.lock.Truncate(0); err != nil {
		return f.explain("write to", err)
	}
	if _, err := f.lock.WriteAt(text, 0); err != nil {
		return f.explain("write to", err)
	}
	return nil
}

func writeDurably(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(text))
	return errors.Join(err, file.Sync(), file.Close())
}

// clusterBytes is what an empty cluster takes, write-ahead log included.
const clusterBytes = 60 << 20

func (f *dataFolder) fullDisk() error {
	free := ""
	if n, known := freeBytes(f.path); known {
		free = fmt.Sprintf(" (%d MB free)", n>>20)
	}
	return fmt.Errorf("no space is left on the disk of %s%s: free at least %d MB there, or choose a folder on another disk with --data",
		f.path, free, clusterBytes>>20)
}
