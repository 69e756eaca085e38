package monitoring

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Point is one moment of the plots. NaN stands for what was not known.
type Point struct {
	At time.Time
	// Values stand in the order of Series.
	Values [seriesCount]float64
}

// The series, in the order of Point.Values.
const (
	SeriesTransactions = iota // a second
	SeriesCalls               // a second, of this process
	SeriesLatencyMS           // mean, of this process
	SeriesPoolUsed            // connections
	SeriesCacheHits           // 0 to 1
	SeriesReadBytes           // a second
	SeriesWriteBytes          // a second
	SeriesWALBytes            // a second
	SeriesActive              // sessions
	SeriesWaiting             // sessions that wait for a lock
	seriesCount
)

const (
	// fineFor is how long every point is kept, coarseFor how long one a minute is.
	fineFor   = time.Hour
	coarseFor = 24 * time.Hour
	// mostFine bounds the fine points whatever the interval.
	mostFine = 720
)

// history keeps points: every one of the last hour, one a minute of the last day.
type history struct {
	mu     sync.Mutex
	fine   []Point
	coarse []Point
	minute []Point // of the current minute
}

func value(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func pointOf(s *Snapshot) Point {
	p := Point{At: s.At}
	for i := range p.Values {
		p.Values[i] = math.NaN()
	}
	if d := s.Database; d != nil {
		p.Values[SeriesTransactions] = value(add(d.CommitsPerS, d.RollbacksPerS))
		p.Values[SeriesCacheHits] = value(d.CacheHits)
	}
	if c := s.Client; c != nil {
		p.Values[SeriesCalls], p.Values[SeriesLatencyMS] = value(c.CallsPerS), value(c.MeanMS)
	}
	if s.Pool != nil {
		p.Values[SeriesPoolUsed] = float64(s.Pool.Used)
	}
	if s.IO != nil {
		p.Values[SeriesReadBytes], p.Values[SeriesWriteBytes] = value(s.IO.ReadBytesPerS), value(s.IO.WriteBytesPerS)
	}
	if s.WAL != nil {
		p.Values[SeriesWALBytes] = value(s.WAL.BytesPerS)
	}
	if s.Activity != nil {
		active, waiting := 0.0, 0.0
		for _, a := range s.Activity {
			if a.State == "active" && a.BackendType == "client backend" {
				active += float64(a.Sessions)
			}
			if a.WaitType == "Lock" {
				waiting += float64(a.Sessions)
			}
		}
		p.Values[SeriesActive], p.Values[SeriesWaiting] = active, waiting
	}
	return p
}

// PointOf returns the snapshot as a point of the plots.
func PointOf(s *Snapshot) Point { return pointOf(s) }

func (h *history) add(s *Snapshot) {
	p := pointOf(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.minute) > 0 && !h.minute[0].At.Truncate(time.Minute).Equal(p.At.Truncate(time.Minute)) {
		h.coarse = append(dropOlder(h.coarse, p.At.Add(-coarseFor), int(coarseFor/time.Minute)), mean(h.minute))
		h.minute = h.minute[:0]
	}
	h.minute = append(h.minute, p)
	h.fine = append(dropOlder(h.fine, p.At.Add(-fineFor), mostFine), p)
}

// dropOlder makes room for one more.
func dropOlder(points []Point, before time.Time, most int) []Point {
	drop := max(len(points)-most+1, 0)
	for drop < len(points) && points[drop].At.Before(before) {
		drop++
	}
	return append(points[:0], points[drop:]...)
}

// mean of what is known.
func mean(points []Point) Point {
	m := Point{At: points[len(points)-1].At}
	for i := range m.Values {
		sum, n := 0.0, 0
		for _, p := range points {
			if !math.IsNaN(p.Values[i]) {
				sum += p.Values[i]
				n++
			}
		}
		m.Values[i] = math.NaN()
		if n > 0 {
			m.Values[i] = sum / float64(n)
		}
	}
	return m
}

// recall begins with the points of the process before.
func (h *history) recall(fine, coarse []Point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fine, h.coarse = fine, coarse
}

// kept returns both kinds of points. Those of a minute that has not ended are among the fine ones.
func (h *history) kept() (fine, coarse []Point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.fine), slices.Clone(h.coarse)
}

func (h *history) points() []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Point, 0, len(h.coarse)+len(h.fine))
	for _, p := range h.coarse {
		if len(h.fine) > 0 && !p.At.Before(h.fine[0].At) {
			break
		}
		all = append(all, p)
	}
	return append(all, h.fine...)
}
