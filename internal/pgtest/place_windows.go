package pgtest

import "os/exec"

func detach(*exec.Cmd) {}

func hasEnded(int) bool { return true } // there is no test server on Windows

func checkOwner(string) error { return nil }

func freeBytes(string) (uint64, bool) { return 0, false }
