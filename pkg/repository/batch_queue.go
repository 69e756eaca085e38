package repository

import "sync"

// chunkQueue hands out chunks to several writers. Each has a run of its own: rows
// that were added one after the other often lie beside each other in the indexes,
// where two connections would wait for each other's page. Who is done with its own
// helps another.
type chunkQueue struct {
	mu   sync.Mutex
	runs [][]selection // what is left of each writer's
}

func newChunkQueue(chunks []selection, writers int) *chunkQueue {
	q := &chunkQueue{runs: make([][]selection, writers)}
	for i := range q.runs {
		q.runs[i] = chunks[len(chunks)*i/writers : len(chunks)*(i+1)/writers]
	}
	return q
}

// next returns the writer's next chunk, or false where none is left.
func (q *chunkQueue) next(writer int) (selection, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.runs {
		run := &q.runs[(writer+i)%len(q.runs)]
		if len(*run) > 0 {
			c := (*run)[0]
			*run = (*run)[1:]
			return c, true
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
