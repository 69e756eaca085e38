package repository

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/ovasabi/ovasabi/pkg/fault"
)

// mostConnections bounds Connections: more writers of one table wait for each
// other's pages and for the log.
const mostConnections = 64

// leastShare is the smallest chunk that is cut to give another connection work.
// Below it a statement costs more than its rows.
const leastShare = 250

// Connections writes chunk by chunk over up to n connections at once: an INSERT
// keeps one processor of the server busy, several keep several, and they share
// their commits' waits for the disk. 1 to 64; defaults to 1. Needs ChunkByChunk,
// because what several connections write does not commit together.
//
// Which of two rows with one key comes first is then not known. Chunks are cut
// evenly, so that all connections have work. Where the batch writes inside a
// transaction, or over a single connection, there is one. Each connection is
// admitted as a caller of its own, so that a campaign's limits hold.
func Connections(n int) BatchOption {
	return func(b *Batch) error {
		if n < 1 || n > mostConnections {
			return fault.Field("Connections", "must be from 1 to %d, not %d", mostConnections, n)
		}
		b.connections = n
		return nil
	}
}

// writeChunks commits the rows in chunks and returns those that the server
// refused, in no order. Once a chunk fails for another reason no further one is
// begun; those under way are finished, so that their outcome is known.
func (b *Batch) writeChunks(ctx context.Context, rows selection) (rejected []*RowError, err error) {
	chunks := b.chunks(rows)
	connections := b.atOnce(rows.n, len(chunks))
	if connections > 1 {
		chunks = b.cut(rows, evenRows(rows.n, b.statementRows(), connections))
		if _, err := b.mayCopy(ctx, b.q); err != nil { // asked once, for all of them
			return nil, err
		}
	}
	queue := newChunkQueue(chunks, connections)
	work := func(i int, w *chunkWriter) {
		for c, ok := queue.next(i); ok; c, ok = queue.next(i) {
			if w.err = w.batch.writeChunk(ctx, c, &w.rejected); w.err != nil {
				queue.stop()
			}
		}
	}
	writers := make([]chunkWriter, connections)
	var others sync.WaitGroup
	for i := range writers {
		writers[i].batch = b.part()
		if i > 0 {
			others.Go(func() { work(i, &writers[i]) })
		}
	}
	work(0, &writers[0])
	others.Wait()
	for _, w := range writers {
		b.pending += w.batch.pending
		b.rights = w.batch.rights
		rejected = append(rejected, w.rejected...)
		if err == nil {
			err = w.err
		}
	}
	return rejected, err
}

// chunkWriter is one connection's part in an Execute.
type chunkWriter struct {
	batch    *Batch
	rejected []*RowError
	err      error
}

// part returns a batch over the same rows for one of several writers. They settle
// different rows; what they would share otherwise each has for itself. Its pending
// is by how much that of the whole changes.
func (b *Batch) part() *Batch {
	part := *b
	part.key, part.anew, part.pending = nil, "", 0
	return &part
}

// atOnce is how many connections write so many rows, which make so many chunks.
func (b *Batch) atOnce(rows, chunks int) int {
	switch b.q.(type) {
	case *pgx.Conn, interface{ Conn() *pgx.Conn }: // a transaction, or one taken from a pool
		return 1
	default:
		return max(1, min(b.connections, max(chunks, rows/leastShare)))
	}
}

// evenRows is the most rows of a chunk, at most so many, so that each connection
// has as many chunks as the others.
func evenRows(rows, most, connections int) int {
	turns := (rows + connections*most - 1) / (connections * most)
	chunks := turns * connections
	return (rows + chunks - 1) / chunks
}
