package repository

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWritersHaveRunsOfChunksAndHelpEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, writers := rapid.IntRange(0, 20).Draw(t, "chunks"), rapid.IntRange(1, 6).Draw(t, "writers")
		chunks := make([]selection, n)
		for i := range chunks {
			chunks[i] = selection{from: i, n: 1}
		}
		q := newChunkQueue(chunks, writers)
		taken := make([][]int, writers)
		for range n {
			w := rapid.IntRange(0, writers-1).Draw(t, "writer")
			c, ok := q.next(w)
			require.True(t, ok)
			taken[w] = append(taken[w], c.from)
		}
		for w := range writers {
			_, ok := q.next(w)
			require.False(t, ok)
		}
		all := slices.Concat(taken...)
		slices.Sort(all)
		for i, chunk := range all {
			require.Equal(t, i, chunk, "each chunk is written once")
		}
	})
}

func TestWritersThatGetOnAlikeKeepToTheirRuns(t *testing.T) {
	chunks := make([]selection, 7)
	for i := range chunks {
		chunks[i] = selection{from: i, n: 1}
	}
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
