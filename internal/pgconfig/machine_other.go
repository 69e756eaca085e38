//go:build !linux

package pgconfig

import "runtime"

// Detect reads what Go knows of this machine; memory and disk must be named here.
func Detect(string) Machine {
	return Machine{Cores: runtime.NumCPU(), Disk: SSD}
}
