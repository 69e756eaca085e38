package repository

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// choose returns the rows to write, in the order of AddRow.
//
// For Update it sets aside each row that a later one supersedes, because a
// statement may not touch a row twice, and orders the rest by key: batches that
// lock the same rows in the same order wait for each other and never deadlock.
func (b *Batch) choose() selection {
	if b.conflict == Update {
		return b.supersede()
	}
	n := len(b.outcomes)
	if b.pending == n {
		return selection{n: n}
	}
	picked := make([]int32, 0, b.pending)
	for i, o := range b.outcomes {
		if o == Pending {
			picked = append(picked, int32(i))
		}
	}
	return selection{n: len(picked), picked: picked}
}

// supersede settles every pending row whose key a later pending row has, and
// returns the others in the order of their keys. What an earlier call settled is
// judged anew where the later row came to nothing.
func (b *Batch) supersede() selection {
	for row, winner := range b.winners {
		if o := b.outcomes[winner]; o == Pending || o == Rejected || o == Superseded {
			b.settle(row, Pending, 0)
			delete(b.winners, row)
		}
	}
	type keyed struct {
		key string
		row int32
	}
	rest := make([]keyed, 0, b.pending)
	last := make(map[string]int, b.pending)
	for row := len(b.outcomes) - 1; row >= 0; row-- {
		if b.outcomes[row] != Pending {
			continue
		}
		key := b.foldedKey(row)
		winner, again := last[key]
		if !again {
			last[key] = row
			rest = append(rest, keyed{key, int32(row)})
			continue
		}
		if b.winners == nil {
			b.winners = map[int]int{}
		}
		b.winners[row] = winner
		b.settle(row, Superseded, 0)
	}
	slices.SortFunc(rest, func(a, z keyed) int { return strings.Compare(a.key, z.key) })
	picked := make([]int32, len(rest))
	for i, k := range rest {
		picked[i] = k.row
	}
	return selection{n: len(picked), picked: picked}
}

// inheritIDs gives superseded rows the id of the row that was written.
func (b *Batch) inheritIDs() {
	for row, winner := range b.winners {
		b.ids[row] = b.ids[winner]
	}
}

// foldedKey is a row's key as the unique index compares it.
func (b *Batch) foldedKey(row int) string {
	if len(b.table.key) == 1 {
		k := b.table.key[0]
		if text, ok := b.columns[k].at(row).(*pgtype.Text); ok {
			return b.fold(k, text.String) // no copy
		}
	}
	b.key = b.key[:0]
	for _, k := range b.table.key {
		part := b.fold(k, string(b.columns[k].appendKey(nil, row)))
		b.key = appendPart(b.key, []byte(part))
	}
	return string(b.key)
}

// fold applies a column's KeyFunction as far as Go has it. Where PostgreSQL
// folds otherwise (a Turkish collation, say), two rows of one statement may have
// one key after all, and the server refuses the second with SQLSTATE 21000.
func (b *Batch) fold(column int, s string) string {
	switch b.table.spec.Columns[column].KeyFunction {
	case "lower":
		return strings.ToLower(s)
	case "upper":
		return strings.ToUpper(s)
	default:
		return s
	}
}
