package monitoring

import "golang.org/x/sys/windows"

func readDisk(path string) (*Disk, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	var free, size uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, &size, nil); err != nil {
		return nil, err
	}
	return &Disk{Path: path, FreeBytes: int64(free), SizeBytes: int64(size)}, nil
}
