//go:build unix

package monitoring

import "golang.org/x/sys/unix"

func readDisk(path string) (*Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return nil, err
	}
	block := int64(st.Bsize) //nolint:unconvert // its type differs between systems
	return &Disk{Path: path, FreeBytes: int64(st.Bavail) * block, SizeBytes: int64(st.Blocks) * block}, nil
}
