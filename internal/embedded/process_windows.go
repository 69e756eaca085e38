package embedded

import (
	"errors"
	"os"
	"os/exec"
)

// errPlatform is what Start says on Windows: the shell that stops the server when
// this process dies is a POSIX one.
var errPlatform = errors.New("PostgreSQL is not run by this program on Windows: " +
	"start a PostgreSQL 18 and name it with --database-url or DATABASE_URL, or use WSL")

func executable(name string) string { return name + ".exe" }

func ownGroup(*exec.Cmd) {}

func switchUser(*exec.Cmd, account) {}

func ownerOf(string) (uid, gid uint32, found bool) { return 0, 0, false }

// TryLock cannot lock here.
func TryLock(*os.File) (bool, error) { return false, errPlatform }

func alive(int) bool { return false }

func freeBytes(string) (uint64, bool) { return 0, false }

func mayEnter(os.FileInfo, account) bool { return true }

func interruptServer(int, string) error { return errPlatform }
