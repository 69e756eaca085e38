package monitoring

import "log/slog"

// Disk is the file system that the server writes to, as this process sees it.
type Disk struct {
	Path string `json:"path"`
	// FreeBytes are those that a process without privileges may still write.
	FreeBytes int64 `json:"free_bytes"`
	SizeBytes int64 `json:"size_bytes"`
}

func (c *PG18StatsCollector) addDisk(s *Snapshot) {
	if c.options.DiskPath == "" {
		return
	}
	d, err := readDisk(c.options.DiskPath)
	if err != nil {
		c.diskTold.Do(func() {
			c.options.Log.Warn("the disk cannot be measured, so nobody is told when it is full", slog.String("path", c.options.DiskPath), slog.String("error", err.Error()))
		})
		return
	}
	s.Disk = d
}
