package embedded

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

const (
	logLimit  = 8 << 20  // a file of the log; one older one is kept beside it
	tailLimit = 16 << 10 // what is kept for an error message
)

// A serverLog is where the server's standard error goes: a file in the data folder
// that never grows past its limit, and the last lines for the message of a start
// that failed. Nothing of it is passed on once the server runs: it may hold values.
type serverLog struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	tail []byte
}

func openServerLog(f *dataFolder, fresh bool) (*serverLog, error) {
	l := &serverLog{path: f.file(logName)}
	if fresh {
		_ = os.Remove(l.path)
	}
	if err := l.open(); err != nil {
		return nil, f.explain("write to", err)
	}
	return l, nil
}

func (l *serverLog) open() error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write never fails for the server's sake: it would wait, or die, on its log.
func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if over := len(l.tail) - tailLimit; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}
	if l.size+int64(len(p)) > logLimit {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(p) // a full disk shows in the server's own errors
		l.size += int64(n)
	}
	return len(p), nil
}

func (l *serverLog) rotate() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
	_ = os.Rename(l.path, l.path+".1")
	_ = l.open()
}

// Tail is the last that the server said.
func (l *serverLog) Tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]byte(nil), l.tail...)
}

func (l *serverLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	if err != nil {
		return fmt.Errorf("close the server's log: %w", err)
	}
	return nil
}
