package query

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxShapes bounds the texts that a table remembers. A service has a few dozen;
// where conditions are put together so freely that there are more, the rest are
// made anew each time.
const maxShapes = 512

// shapes remembers the texts of a table's statements, so that the same shape is
// not only the same text but the same string: it costs no allocation, and pgx
// finds its prepared statement by comparing addresses. Readers take no lock.
type shapes struct {
	known atomic.Pointer[map[string]string]
	mu    sync.Mutex
}

func (s *shapes) text(raw []byte) string {
	if known := s.known.Load(); known != nil {
		if text, ok := (*known)[string(raw)]; ok {
			return text
		}
	}
	return s.add(string(raw))
}

func (s *shapes) add(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.known.Load()
	if known == nil {
		s.known.Store(&map[string]string{text: text})
		return text
	}
	if first, ok := (*known)[text]; ok {
		return first
	}
	if len(*known) < maxShapes {
		more := maps.Clone(*known)
		more[text] = text
		s.known.Store(&more)
	}
	return text
}
