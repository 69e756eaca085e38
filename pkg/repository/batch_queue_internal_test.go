package repository

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func chunksOfOneRow(n int) []selection {
	chunks := make([]selection, n)
	for i := range chunks {
		chunks[i] = selection{from: i, n: 1}
	}
	return chunks
}

func TestWritersHaveRunsOfChunksAndHelpEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, writers := rapid.IntRange(0, 20).Draw(t, "chunks"), rapid.IntRange(1, 6).Draw(t, "writers")
		q := newChunkQueue(chunksOfOneRow(n), writers)
		var taken []int
		for range n {
			c, ok := q.next(rapid.IntRange(0, writers-1).Draw(t, "writer"))
			require.True(t, ok)
			taken = append(taken, c.from)
		}
		for w := range writers {
			_, ok := q.next(w)
			require.False(t, ok)
		}
		slices.Sort(taken)
		for i, chunk := range taken {
			require.Equal(t, i, chunk, "each chunk is written once")
		}
	})
}

func TestWritersThatGetOnAlikeKeepToTheirRuns(t *testing.T) {
	chunks := chunksOfOneRow(7)
	q := newChunkQueue(chunks, 2)
	var first, second []int
	for range 3 {
		a, _ := q.next(0)
		b, _ := q.next(1)
		first, second = append(first, a.from), append(second, b.from)
	}
	require.Equal(t, []int{0, 1, 2}, first)
	require.Equal(t, []int{3, 4, 5}, second)
	helped, ok := q.next(0)
	require.True(t, ok)
	require.Equal(t, 6, helped.from, "done with its own")
	q = newChunkQueue(chunks, 2)
	q.stop()
	_, ok = q.next(1)
	require.False(t, ok, "after a failure no chunk is begun")
}
