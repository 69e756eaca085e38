package monitoring

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"
)

const (
	// keepEvery is how much may be forgotten when the process is killed.
	keepEvery = time.Minute
	// keptVersion changes when an older file would be misread. Such a file is put aside.
	keptVersion = 1
	// mostKept bounds what is read back. What is kept is bounded as it is gathered:
	// points, pile-ups, slow queries and queries each have their number.
	mostKept = 256 << 20
)

// kept is what a collector remembers over a restart of its process. It holds no
// constant of any statement.
type kept struct {
	Version        int             `json:"version"`
	At             time.Time       `json:"at"`
	Fine           []keptPoint     `json:"fine"`
	Coarse         []keptPoint     `json:"coarse"`
	PileUps        []PileUp        `json:"pile_ups"`
	Settings       []Setting       `json:"settings"`
	SettingChanges []SettingChange `json:"setting_changes"`
	Slow           []SlowQuery     `json:"slow"`
	Usual          []usualTimes    `json:"usual"`
}

// keptPoint is a Point as JSON has it: what was not known is null.
type keptPoint struct {
	At     time.Time  `json:"at"`
	Values []*float64 `json:"values"`
}

func keepPoints(points []Point) []keptPoint {
	all := make([]keptPoint, len(points))
	for i, p := range points {
		all[i] = keptPoint{p.At, make([]*float64, len(p.Values))}
		for j, v := range p.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				all[i].Values[j] = &v
			}
		}
	}
	return all
}

// pointsOf leaves out what is older than wanted, or in the future of a clock that was set back.
func pointsOf(all []keptPoint, from, to time.Time) []Point {
	var points []Point
	for _, k := range all {
		if k.At.Before(from) || k.At.After(to) {
			continue
		}
		p := Point{At: k.At}
		for j := range p.Values {
			p.Values[j] = math.NaN()
			if j < len(k.Values) && k.Values[j] != nil {
				p.Values[j] = *k.Values[j]
			}
		}
		points = append(points, p)
	}
	return points
}

// recall takes up what the process before wrote down. A file that cannot be read
// is put aside, and the collector begins anew: figures are no reason not to start.
func (c *PG18StatsCollector) recall() {
	path := c.options.KeepFile
	if path == "" {
		return
	}
	k, err := readKept(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		aside := path + ".unreadable"
		err = errors.Join(err, os.Rename(path, aside))
		c.options.Log.Warn("what was seen before the restart cannot be read: it is put aside and the history begins anew",
			slog.String("file", aside), slog.String("error", err.Error()))
		return
	}
	now := time.Now()
	c.history.recall(pointsOf(k.Fine, now.Add(-fineFor), now), pointsOf(k.Coarse, now.Add(-coarseFor), now))
	c.pileUps.recall(k.PileUps)
	// Compared with the first reading, so that a change made meanwhile is seen.
	c.recalled = &Snapshot{Settings: k.Settings, SettingChanges: k.SettingChanges}
	if c.options.Client != nil {
		c.options.Client.slow.recall(k.Slow)
		c.options.Client.queries.recall(k.Usual)
	}
}

func readKept(path string) (*kept, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.NewDecoder(io.LimitReader(plain, mostKept)).Decode(&k); err != nil {
		return nil, err
	}
	if k.Version != keptVersion {
		return nil, fmt.Errorf("its version is %d, and %d is known", k.Version, keptVersion)
	}
	return &k, nil
}

// remember writes down what was seen.
func (c *PG18StatsCollector) remember() error {
	path := c.options.KeepFile
	if path == "" {
		return nil
	}
	k := kept{Version: keptVersion, At: time.Now(), PileUps: c.pileUps.oldestFirst()}
	fine, coarse := c.history.kept()
	k.Fine, k.Coarse = keepPoints(fine), keepPoints(coarse)
	if s, _ := c.Latest(); s != nil {
		k.Settings, k.SettingChanges = s.Settings, s.SettingChanges
	}
	if t := c.options.Client; t != nil {
		k.Slow, k.Usual = t.SlowQueries(), t.queries.usual()
	}
	return writeKept(path, &k)
}

// writeKept replaces the file in one step, so that a killed process leaves a whole one.
func writeKept(path string, k *kept) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	squeezed := gzip.NewWriter(f)
	err = errors.Join(json.NewEncoder(squeezed).Encode(k), squeezed.Close(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// keep writes down what was seen, once a minute. Run does it once more at its end.
func (c *PG18StatsCollector) keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := c.remember()
		if err != nil && !failing {
			c.options.Log.WarnContext(ctx, "what was seen cannot be written down, so a restart forgets it", slog.String("error", err.Error()))
		}
		failing = err != nil
	}
}
