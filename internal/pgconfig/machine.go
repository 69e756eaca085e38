package pgconfig

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// Disk is what the data stands on, as far as settings care.
type Disk string

// The kinds of disk. A rotating one pays for every seek; network storage answers
// late and many requests at once.
const (
	SSD     Disk = "ssd"
	HDD     Disk = "hdd"
	Network Disk = "network"
)

// ParseDisk checks a kind given on the command line.
func ParseDisk(s string) (Disk, error) {
	switch d := Disk(s); d {
	case SSD, HDD, Network:
		return d, nil
	default:
		return "", fault.Field("disk", "must be ssd, hdd or network, not %q", s)
	}
}

// Machine is what the settings are computed for.
type Machine struct {
	// MemoryBytes that PostgreSQL may count on, of which its cache is a quarter.
	MemoryBytes int64 `json:"memory_bytes"`
	Cores       int   `json:"cores"`
	Disk        Disk  `json:"disk"`
	// Kernel is its version, or empty where it is not known.
	Kernel string `json:"kernel,omitempty"`
	// IOUring tells that the kernel lets programs use io_uring. False beside an empty
	// Kernel is not known.
	IOUring bool `json:"io_uring"`
	// DiskFreeBytes beside the data; 0 when not known.
	DiskFreeBytes int64 `json:"disk_free_bytes,omitempty"`
	// Notes say where a figure comes from, where that is not plain.
	Notes []string `json:"notes,omitempty"`
}

// Smallest machine for which the settings make sense.
const (
	leastMemory = 256 << 20
	mostMemory  = 64 << 40
	mostCores   = 4096
)

// Elsewhere keeps memory, cores and disk, which stand in for a machine until they are
// named, and forgets what was read of this one and says nothing of another.
func (m Machine) Elsewhere() Machine {
	return Machine{MemoryBytes: m.MemoryBytes, Cores: m.Cores, Disk: m.Disk}
}

// Validate returns an Invalid fault that names the field and what would be right.
func (m Machine) Validate() error {
	switch {
	case m.MemoryBytes == 0:
		return fault.Field("memory", "could not be read on this system (%s): give --memory, such as 16GB", runtime.GOOS)
	case m.MemoryBytes < leastMemory || m.MemoryBytes > mostMemory:
		return fault.Field("memory", "must be from 256MB to 64TB, not %s", Bytes(m.MemoryBytes))
	case m.Cores < 1 || m.Cores > mostCores:
		return fault.Field("cores", "must be from 1 to %d, not %d", mostCores, m.Cores)
	}
	_, err := ParseDisk(string(m.Disk))
	return err
}

// String describes the machine in a line.
func (m Machine) String() string {
	s := fmt.Sprintf("%s of memory, %d cores, disk %s", Bytes(roundMB(m.MemoryBytes)), m.Cores, m.Disk)
	if m.Kernel != "" {
		s += ", kernel " + m.Kernel
	}
	return s
}

// Bytes writes a size as PostgreSQL's settings take it, in the largest unit that loses nothing.
func Bytes(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}} {
		if n >= unit.size && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	if n >= 10<<20 {
		return strconv.FormatInt(n>>20, 10) + "MB"
	}
	return strconv.FormatInt(n, 10) + "B"
}

// ParseBytes reads a size such as 16GB. Units are powers of 1024, as PostgreSQL's are.
func ParseBytes(s string) (int64, error) {
	text := strings.TrimSpace(s)
	digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if digits > 0 {
		n, err := strconv.ParseInt(text[:digits], 10, 64)
		shift := map[string]uint{"kb": 10, "mb": 20, "gb": 30, "tb": 40}[strings.ToLower(strings.TrimSpace(text[digits:]))]
		if err == nil && shift > 0 && n <= mostMemory>>shift {
			return n << shift, nil
		}
	}
	return 0, fault.Field("memory", "must be a whole number with kB, MB, GB or TB, such as 16GB, not %q", s)
}
