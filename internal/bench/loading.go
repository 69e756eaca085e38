package bench

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ovasabi/ovasabi/internal/load"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

const copyEvents = `ovasabi.service_event (campaign_id, event_id, event_type, entity_id, occurred_at, metadata, payload)`

// files are the same events as CloudEvents and as CSV of the columns that they become.
type files struct {
	w         *inserter
	dir       string
	n         int
	ndjson, c string
}

// loading compares `ovasabi load` with the floor, a plain COPY of a file that
// needs no reading, and with an INSERT a line.
func (s *stage) loading(ctx context.Context, w *inserter) (_ Case, err error) {
	l := &files{w: w, n: s.pick(5000, 100)}
	if l.dir, err = os.MkdirTemp(s.o.WorkDir, "ovasabi-bench-"); err != nil {
		return Case{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.dir)) }()
	l.ndjson, l.c = filepath.Join(l.dir, "events.ndjson"), filepath.Join(l.dir, "events.csv")
	s.sayf("writing files of %d events and comparing what is stored", l.n)
	if err := l.write(ctx); err != nil {
		return Case{}, err
	}
	if err := l.same(ctx); err != nil {
		return Case{}, err
	}
	name := fmt.Sprintf("loading a file of %d events", l.n)
	f, err := measure(ctx, s.plan(8, name), []way{
		{name: "before", before: w.empty, rows: l.n, block: timed(l.lineByLine)},
		{name: "after", before: w.empty, rows: l.n, block: timed(l.loaded)},
		{name: "copy", before: w.empty, rows: l.n, block: timed(func(ctx context.Context) error { return l.copied(ctx, w.owner) })},
	})
	return Case{Name: name, Figures: f, Note: "Before: the lines of a CSV file, an INSERT a line in one transaction. After: ovasabi load, which reads CloudEvents, judges every line, skips what is there already and writes batches. COPY: the CSV file as it is, by the owner, with nothing to read, judge or skip."}, err
}

// write makes the CloudEvents, loads them once, and takes the CSV from what is stored.
func (l *files) write(ctx context.Context) error {
	var lines bytes.Buffer
	for _, r := range l.w.rows(l.n) {
		fmt.Fprintf(&lines, `{"specversion":"1.0","source":"bench","id":%q,"type":%q,"subject":%q,"time":%q,"datacontenttype":"application/json","data":%s}`+"\n",
			r[1], r[2], r[3], r[4].(time.Time).Format(time.RFC3339Nano), r[6])
	}
	if err := os.WriteFile(l.ndjson, lines.Bytes(), 0o600); err != nil {
		return err
	}
	if err := errors.Join(l.w.empty(ctx), l.loaded(ctx)); err != nil {
		return err
	}
	conn, err := l.w.owner.Acquire(ctx)
	if err != nil {
		return fault.FromPostgres(err)
	}
	defer conn.Release()
	var rows bytes.Buffer
	_, err = conn.Conn().PgConn().CopyTo(ctx, &rows, `
COPY (
    SELECT e.campaign_id, e.event_id, e.event_type, e.entity_id, e.occurred_at, e.metadata, e.payload
    FROM ovasabi.service_event AS e
    ORDER BY e.id
) TO STDOUT (FORMAT csv)`)
	if err != nil {
		return fault.FromPostgres(err)
	}
	return os.WriteFile(l.c, rows.Bytes(), 0o600)
}

func (l *files) loaded(ctx context.Context) error {
	inputs, err := load.Files([]string{l.ndjson}, nil)
	if err != nil {
		return err
	}
	done, err := load.Run(ctx, l.w.full.scope, inputs, load.Options{Kind: load.Events, Campaign: itoa(l.w.campaign)})
	if err == nil && done.Accepted != int64(l.n) {
		err = fault.New(fault.Internal, "the load accepted %d of %d events", done.Accepted, l.n)
	}
	return err
}

func (l *files) lineByLine(ctx context.Context) error {
	f, err := os.Open(l.c)
	if err != nil {
		return err
	}
	defer f.Close()
	var rows [][]any
	for lines := csv.NewReader(f); ; {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return l.w.rowByRow(ctx, rows)
		}
		if err != nil {
			return err
		}
		r := make([]any, len(line))
		for i, v := range line {
			r[i] = v
		}
		rows = append(rows, r)
	}
}

func (l *files) copied(ctx context.Context, owner *pgxpool.Pool) error {
	f, err := os.Open(l.c)
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := owner.Acquire(ctx)
	if err != nil {
		return fault.FromPostgres(err)
	}
	defer conn.Release()
	_, err = conn.Conn().PgConn().CopyFrom(ctx, f, `COPY `+copyEvents+` FROM STDIN (FORMAT csv)`)
	return fault.FromPostgres(err)
}

// same compares what the three ways store.
func (l *files) same(ctx context.Context) error {
	return l.w.storeTheSame(ctx, l.n, []inserted{
		{"before", func(ctx context.Context, _ [][]any) error { return l.lineByLine(ctx) }, l.w.onPlain, ""},
		{"after", func(ctx context.Context, _ [][]any) error { return l.loaded(ctx) }, l.w.owner, ""},
		{"copy", func(ctx context.Context, _ [][]any) error { return l.copied(ctx, l.w.owner) }, l.w.owner, ""},
	}, nil)
}
