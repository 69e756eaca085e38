package repository

import "sync"

// chunkQueue hands out chunks to several writers. Each has a run of its own: rows
// that were added one after the other often lie beside each other in the indexes,
// where two connections would wait for each other's page. Who is done with its own
// helps another.
type chunkQueue struct {
	chunks []selection
	mu     sync.Mutex
	runs   [][2]int // from and to of what is left of each writer's
}

func newChunkQueue(chunks []selection, writers int) *chunkQueue {
	q := &chunkQueue{chunks: chunks, runs: make([][2]int, writers)}
	for i := range q.runs {
		q.runs[i] = [2]int{len(chunks) * i / writers, len(chunks) * (i + 1) / writers}
	}
	return q
}

// next returns the writer's next chunk, or false where none is left.
func (q *chunkQueue) next(writer int) (selection, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.runs {
		run := &q.runs[(writer+i)%len(q.runs)]
		if run[0] < run[1] {
			run[0]++
			return q.chunks[run[0]-1], true
		}
	}
	return selection{}, false
}

// stop leaves no chunk.
func (q *chunkQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.runs)
}
