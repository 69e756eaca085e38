package pgconfig

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Detect reads this machine. dataDir is the server's, for the kind of its disk; it may be empty.
func Detect(dataDir string) Machine {
	m := Machine{MemoryBytes: totalMemory(), Cores: runtime.NumCPU(), Disk: SSD}
	if limit := cgroupMemory(); limit > 0 && (m.MemoryBytes == 0 || limit < m.MemoryBytes) {
		m.Notes = append(m.Notes, fmt.Sprintf("the container's limit of %s counts, not the machine's %s", Bytes(limit), Bytes(m.MemoryBytes)))
		m.MemoryBytes = limit
	}
	if limit := cgroupCores(); limit > 0 && limit < m.Cores {
		m.Notes = append(m.Notes, fmt.Sprintf("the container's limit of %d cores counts, not the machine's %d", limit, m.Cores))
		m.Cores = limit
	}
	m.Kernel = firstLine("/proc/sys/kernel/osrelease")
	m.IOUring = uringAllowed()
	if dataDir != "" {
		m.Disk, m.Notes = diskOf(dataDir, m.Notes)
		var stat syscall.Statfs_t
		if syscall.Statfs(dataDir, &stat) == nil {
			m.DiskFreeBytes = int64(stat.Bavail) * int64(stat.Bsize) //nolint:unconvert // disks are smaller
		}
	}
	return m
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}

func totalMemory() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "MemTotal:"); found {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}

// cgroupMemory is the limit of the container, or 0 without one.
func cgroupMemory() int64 {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if n, err := strconv.ParseInt(firstLine(path), 10, 64); err == nil && n > 0 && n < mostMemory {
			return n
		}
	}
	return 0
}

// cgroupCores is the limit of the container in whole cores, or 0 without one.
func cgroupCores() int {
	quota, period, found := strings.Cut(firstLine("/sys/fs/cgroup/cpu.max"), " ")
	if !found {
		quota, period = firstLine("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), firstLine("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
	}
	q, errQuota := strconv.ParseFloat(quota, 64)
	p, errPeriod := strconv.ParseFloat(period, 64)
	if errQuota != nil || errPeriod != nil || q <= 0 || p <= 0 {
		return 0
	}
	return int(math.Ceil(q / p))
}

// uringAllowed reads kernel.io_uring_disabled, which kernels before 6.6 do not have.
func uringAllowed() bool {
	if disabled := firstLine("/proc/sys/kernel/io_uring_disabled"); disabled != "" {
		return disabled == "0"
	}
	major, rest, _ := strings.Cut(firstLine("/proc/sys/kernel/osrelease"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	ma, errMajor := strconv.Atoi(major)
	mi, errMinor := strconv.Atoi(minor)
	return errMajor == nil && errMinor == nil && (ma > 5 || (ma == 5 && mi >= 1))
}

// The kinds of network file systems. Source: linux/magic.h.
var networkFileSystems = map[int64]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x00c36400: "Ceph", 0x01021997: "9P"}

// diskOf asks the kernel whether the disk under a folder rotates.
func diskOf(dir string, notes []string) (Disk, []string) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err == nil {
		if name, found := networkFileSystems[int64(fs.Type)&0xffffffff]; found { //nolint:unconvert // the type of Type differs between systems
			return Network, append(notes, "the data stands on "+name)
		}
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(dir, &stat); err != nil {
		return SSD, append(notes, "the disk could not be looked at; an SSD is assumed, --disk says otherwise")
	}
	device := fmt.Sprintf("%d:%d", (stat.Dev>>8)&0xfff, stat.Dev&0xff|(stat.Dev>>12)&0xfff00)
	path, err := filepath.EvalSymlinks("/sys/dev/block/" + device)
	if err != nil {
		return SSD, append(notes, "the kernel does not show the disk under the data; an SSD is assumed, --disk says otherwise")
	}
	for _, place := range []string{path, filepath.Dir(path)} { // a partition's queue is its disk's
		switch firstLine(filepath.Join(place, "queue", "rotational")) {
		case "0":
			return SSD, notes
		case "1":
			// Virtual disks say so whatever they are made of.
			if name := filepath.Base(place); strings.HasPrefix(name, "vd") || strings.HasPrefix(name, "xvd") {
				return SSD, append(notes, "the disk "+name+" is virtual, and what it is made of is not known; an SSD is assumed, --disk says otherwise")
			}
			return HDD, append(notes, "the kernel says that the disk rotates; of a virtual one that is often wrong, --disk ssd says otherwise")
		}
	}
	return SSD, append(notes, "the kernel does not say whether the disk rotates; an SSD is assumed, --disk says otherwise")
}
