package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// characterTypes are the rules by which the full-text parser tells letters from
// punctuation, best first. The collation is PostgreSQL's own C.UTF-8 in any case:
// it is fast, and no upgrade of the system's libraries changes its order. Under C,
// which is always there, “quotes” like these would count as letters of a word.
var characterTypes = []string{"C.UTF-8", "en_US.UTF-8", "UTF-8", "C"}

// create makes the cluster beside its place and renames it, so that an interrupted
// initdb leaves nothing that looks like a cluster. The folder is held.
func (f *dataFolder) create(ctx context.Context, in Installation, superuser, password string, o Options) error {
	fresh := f.file(newClusterName)
	defer os.RemoveAll(fresh)
	var err error
	for _, kind := range characterTypes {
		if err := f.prepare(fresh); err != nil {
			return err
		}
		err = f.initdb(ctx, in, fresh, kind, superuser, password, o)
		if err == nil || !strings.Contains(err.Error(), "invalid locale name") {
			break
		}
	}
	if err != nil {
		return err
	}
	if err := os.Remove(f.cluster()); err != nil && !errors.Is(err, os.ErrNotExist) { // an empty folder
		return f.explain("write to", err)
	}
	if err := os.Rename(fresh, f.cluster()); err != nil {
		return f.explain("write to", err)
	}
	return syncFolder(f.path)
}

// prepare makes an empty folder that belongs to the server's user: initdb need not
// be able to write to the folder above.
func (f *dataFolder) prepare(fresh string) error {
	if err := os.RemoveAll(fresh); err != nil {
		return f.explain("write to", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return f.explain("write to", err)
	}
	if !f.who.switched {
		return nil
	}
	if err := os.Chown(fresh, int(f.who.uid), int(f.who.gid)); err != nil {
		return f.explain("hand to "+f.who.String(), err)
	}
	return nil
}

func (f *dataFolder) initdb(ctx context.Context, in Installation, fresh, characterType, superuser, password string, o Options) error {
	// The password goes through a pipe: no file and no argument list shows it.
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe for the password: %w", err)
	}
	defer reader.Close()
	if f.who.switched {
		// initdb opens the pipe anew by its name, and so needs a right to it.
		if err := reader.Chown(int(f.who.uid), int(f.who.gid)); err != nil {
			return fmt.Errorf("hand the password to initdb: %w", err)
		}
	}
	if _, err := writer.WriteString(password + "\n"); err != nil {
		return errors.Join(fmt.Errorf("write the password: %w", err), writer.Close())
	}
	if err := writer.Close(); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	args := []string{
		"--pgdata=" + fresh, "--username=" + superuser, "--pwfile=/dev/fd/4", "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--lc-ctype=" + characterType,
		"--data-checksums", "--no-instructions", "--set=include_if_exists=" + settingsName,
	}
	if o.Ephemeral {
		// One round of password hashing instead of 4096: a test connects often.
		args = append(slices.DeleteFunc(args, func(a string) bool { return a == "--data-checksums" }),
			"--no-sync", "--no-data-checksums", "--set=scram_iterations=1")
	}
	cmd := command(ctx, f.who, filepath.Join(in.BinDir, executable("initdb")), args...)
	// initdb keeps the folder locked (3) should this process die before it.
	cmd.ExtraFiles = []*os.File{f.lock, reader}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("make the cluster in %s: %w", f.path, context.Cause(ctx))
	}
	if saysFullDisk(string(out)) {
		return f.fullDisk()
	}
	return fmt.Errorf("initdb could not make the cluster in %s%s: %w%s", f.path, f.who.as(), err, indent(out))
}

func saysFullDisk(text string) bool {
	return strings.Contains(text, "No space left on device") || strings.Contains(text, "Disk quota exceeded")
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("write %s to the disk: %w", path, err)
	}
	return nil
}
