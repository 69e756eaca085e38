package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"github.com/ovasabi/ovasabi/internal/drain"
	"github.com/ovasabi/ovasabi/internal/server"
	"github.com/ovasabi/ovasabi/internal/token"
	"github.com/ovasabi/ovasabi/pkg/fault"
	"github.com/ovasabi/ovasabi/pkg/monitoring"
)

const (
	// longestStream is when a stream ends and the page opens another one, so that
	// a token that was revoked does not look on for ever.
	longestStream = 5 * time.Minute
	// keepAlive is sent through proxies that close what is quiet.
	keepAlive = 15 * time.Second
	// writeTimeout ends a stream whose reader does not read.
	writeTimeout = 10 * time.Second
)

// stream sends the part of a page that changes, whenever it does.
func (d *Dashboard) stream(w http.ResponseWriter, r *http.Request) {
	_, p, ok := d.pageOf(r)
	if !ok {
		server.WriteError(w, r, fault.New(fault.NotFound, "there is no such page"))
		return
	}
	select {
	case d.streams <- struct{}{}:
		defer func() { <-d.streams }()
	default:
		server.WriteError(w, r, &fault.Error{Kind: fault.Limited, RetryAfter: keepAlive, Message: "too many pages are live: close some"})
		return
	}
	life := longestStream
	if identity, err := token.FromContext(r.Context()); err == nil {
		life = min(life, time.Until(identity.Expires))
	}
	ctx, cancel := context.WithTimeout(r.Context(), life)
	defer cancel()
	headers(w.Header())
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s := &stream{d: d, page: p, r: r, w: w, rc: http.NewResponseController(w)}
	err := s.run(ctx)
	if err == nil && ctx.Err() != nil && r.Context().Err() == nil {
		err = s.send("again", nil)
	}
	if err != nil && r.Context().Err() == nil {
		d.Log.LogAttrs(r.Context(), slog.LevelDebug, "a live page ended", slog.Any("error", err))
	}
}

type stream struct {
	d    *Dashboard
	page page
	r    *http.Request
	w    http.ResponseWriter
	rc   *http.ResponseController
	last []byte
}

func (s *stream) run(ctx context.Context) error {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	var pointed *monitoring.Snapshot
	for {
		var latest *monitoring.Snapshot
		var changed, locked <-chan struct{}
		if c := s.d.Collector; c != nil {
			latest, changed = c.Latest()
			if s.page.locks {
				_, locked = c.LatestLocks()
			}
		}
		if latest != nil && latest != pointed {
			pointed = latest
			p := monitoring.PointOf(latest)
			if err := s.sendJSON("point", numbers(&p)); err != nil {
				return err
			}
		}
		if err := s.patch(ctx); err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-locked:
				waiting = false
			case <-alive.C:
				if err := s.send("alive", nil); err != nil {
					return err
				}
			case <-drain.Started(ctx):
				return nil
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// patch renders what changes and sends it, if it did.
func (s *stream) patch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renderTimeout)
	defer cancel()
	part, err := s.page.live(s.d, s.r.WithContext(ctx))
	if err != nil {
		_, problem := s.d.problem(s.r, err)
		part = liveBox(problem)
	}
	part = templ.Join(part, findingsCount(len(s.d.findings())))
	var html bytes.Buffer
	if err := part.Render(ctx, &html); err != nil {
		return err
	}
	if bytes.Equal(html.Bytes(), s.last) {
		return nil
	}
	s.last = html.Bytes()
	return s.send("patch", s.last)
}

func (s *stream) sendJSON(event string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.send(event, text)
}

// send writes one event. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
func (s *stream) send(event string, data []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("event: " + event + "\n")
	for line := range bytes.Lines(data) {
		b.WriteString("data: ")
		b.Write(bytes.TrimRight(line, "\r\n"))
		b.WriteByte('\n')
	}
	if len(data) == 0 {
		b.WriteString("data:\n")
	}
	b.WriteByte('\n')
	if _, err := s.w.Write(b.Bytes()); err != nil {
		return err
	}
	return s.rc.Flush()
}
