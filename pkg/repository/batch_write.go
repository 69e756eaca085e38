package repository

import (
	"bytes"
	"context"
	"encoding/binary"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/ovasabi/ovasabi/pkg/campaign"
	"github.com/ovasabi/ovasabi/pkg/database"
	"github.com/ovasabi/ovasabi/pkg/fault"
)

// write sends the chunks in one round trip and settles their rows. On an error
// it says which chunk failed, or -1, and rows may be settled that were not
// written: the caller resets them.
func (b *Batch) write(ctx context.Context, q database.Querier, chunks []selection) (failed int, err error) {
	if b.conflict == Fail && b.copying != neverCopy {
		if done, failed, err := b.tryCopy(ctx, q, chunks); done {
			return failed, err
		}
	}
	batch := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, len(chunks))}
	text := b.table.texts[b.conflict] + b.anew
	for _, c := range chunks {
		args, err := b.arguments(ctx, c)
		if err != nil {
			return -1, err
		}
		batch.Queue(text, args...)
	}
	results := q.SendBatch(ctx, batch)
	for i, c := range chunks {
		if err := b.read(results, c); err != nil {
			_ = results.Close() // says again what err says
			return i, fault.FromPostgres(err)
		}
	}
	// The round trip's own transaction commits here, deferred constraints with it.
	if err := results.Close(); err != nil {
		return -1, fault.FromPostgres(err)
	}
	if b.conflict == Skip {
		return -1, b.findSkipped(ctx, q, chunks)
	}
	return -1, nil
}

// arguments are the campaign, as a scalar, and an array a column.
func (b *Batch) arguments(ctx context.Context, c selection) ([]any, error) {
	args, err := b.campaignArgument(ctx, len(b.columns))
	if err != nil {
		return nil, err
	}
	for _, column := range b.columns {
		args = append(args, column.array(c))
	}
	return args, nil
}

func (b *Batch) campaignArgument(ctx context.Context, more int) ([]any, error) {
	args := make([]any, 0, more+1)
	if b.table.spec.Unscoped {
		return args, nil
	}
	id, err := campaign.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return append(args, id.Int64()), nil
}

// read takes the result of one chunk's statement.
func (b *Batch) read(results pgx.BatchResults, c selection) error {
	if !b.table.returns(b.conflict) {
		if _, err := results.Exec(); err != nil {
			return err
		}
		b.settleAll(c)
		return nil
	}
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	match := matcher{batch: b, chunk: c}
	for rows.Next() {
		if err := match.take(rows.RawValues(), rows.FieldDescriptions()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// settleAll settles the rows of a statement that returns none.
func (b *Batch) settleAll(c selection) {
	for i := range c.n {
		b.settle(c.row(i), Inserted, 0)
	}
}

// take settles the row to which a returned one belongs.
func (m *matcher) take(raw [][]byte, fields []pgconn.FieldDescription) error {
	b := m.batch
	id, err := readInt(raw[0], fields[0].Format)
	if err != nil {
		return err
	}
	row, ok := m.find(raw[1 : 1+len(b.table.key)])
	if !ok {
		return fault.New(fault.Internal, "the server returned a key of %s that was not sent: a trigger or a collation changes key columns", b.table.Name())
	}
	outcome := Inserted
	if b.conflict == Update {
		inserted, err := readInt(raw[len(raw)-1], fields[len(raw)-1].Format)
		if err != nil {
			return err
		}
		if inserted == 0 {
			outcome = Updated
		}
	}
	b.settle(row, outcome, id)
	return nil
}

// readInt reads an integer column in either of the protocol's formats.
func readInt(raw []byte, format int16) (int64, error) {
	if format == pgtype.TextFormatCode {
		return strconv.ParseInt(string(raw), 10, 64)
	}
	switch len(raw) {
	case 8:
		return int64(binary.BigEndian.Uint64(raw)), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), nil
	default:
		return 0, fault.New(fault.Internal, "an integer column of %d bytes: declare a column of type bigint or integer", len(raw))
	}
}

// matcher finds the row of a returned key. PostgreSQL promises no order for
// RETURNING, but keeps that of the input: the next pending row is tried first,
// and only when it is another one is an index of keys made.
type matcher struct {
	batch *Batch
	chunk selection
	next  int
	index map[string]int
}

func (m *matcher) find(key [][]byte) (row int, ok bool) {
	b := m.batch
	if m.index == nil {
		for ; m.next < m.chunk.n; m.next++ {
			row := m.chunk.row(m.next)
			if b.hasKey(row, key) {
				m.next++
				return row, true
			}
			if b.conflict != Skip {
				break // none is left out, so the order is another
			}
		}
		m.index = make(map[string]int, m.chunk.n)
		for i := m.chunk.n - 1; i >= 0; i-- { // backwards: the first of equal keys stays
			if row := m.chunk.row(i); b.outcomes[row] == Pending {
				m.index[b.keyString(row)] = row
			}
		}
	}
	b.key = b.key[:0]
	for _, part := range key {
		b.key = appendPart(b.key, part)
	}
	row, ok = m.index[string(b.key)]
	return row, ok && b.outcomes[row] == Pending
}

func (b *Batch) hasKey(row int, key [][]byte) bool {
	for n, k := range b.table.key {
		b.key = b.columns[k].appendKey(b.key[:0], row)
		if !bytes.Equal(b.key, key[n]) {
			return false
		}
	}
	return true
}

// keyString joins the parts of a row's key so that no two keys are the same text.
func (b *Batch) keyString(row int) string {
	b.key = b.key[:0]
	for _, k := range b.table.key {
		part := b.columns[k].appendKey(nil, row)
		b.key = appendPart(b.key, part)
	}
	return string(b.key)
}

func appendPart(key, part []byte) []byte {
	key = binary.AppendUvarint(key, uint64(len(part)))
	return append(key, part...)
}
