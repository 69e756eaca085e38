package query

import (
	"reflect"
	"strconv"
	"time"
)

// slab holds the values of a statement by type. Boxed as one, it is one
// allocation for all of them, where each value boxed alone would be one each.
// Its fields are exported so that reflect may hand them out.
type slab struct {
	Nums  [6]int64
	Texts [6]string
	Times [3]time.Time
	Lists [2][]string
	IDs   [1][]int64
}

type slot struct {
	kind  kind
	index uint16
}

const (
	// maxParameters is the protocol's limit: a 16-bit count.
	maxParameters = 65535
	// spareParameters are left for the cursor and the limit, which SQL adds.
	spareParameters = 35
)

// arguments are the parameters of a statement in order. Where a type's place in
// the slab is full, values are boxed one by one.
type arguments struct {
	count  int
	slots  [20]slot
	more   []slot // from the 21st on
	counts [kindNums + 1]uint8
	values slab
	others []any
}

func (a *arguments) next(k kind, index int) {
	s := slot{kind: k, index: uint16(index)}
	if a.count < len(a.slots) {
		a.slots[a.count] = s
	} else {
		a.more = append(a.more, s)
	}
	a.count++
}

// take returns the next free place for a kind, and false where the slab is full.
func (a *arguments) take(k kind, size int) (int, bool) {
	n := int(a.counts[k])
	if n == size {
		return 0, false
	}
	a.counts[k]++
	a.next(k, n)
	return n, true
}

func (a *arguments) addNum(v int64) {
	if i, ok := a.take(kindNum, len(a.values.Nums)); ok {
		a.values.Nums[i] = v
		return
	}
	a.addOther(v)
}

func (a *arguments) addText(v string) {
	if i, ok := a.take(kindText, len(a.values.Texts)); ok {
		a.values.Texts[i] = v
		return
	}
	a.addOther(v)
}

func (a *arguments) addTime(v time.Time) {
	if i, ok := a.take(kindTime, len(a.values.Times)); ok {
		a.values.Times[i] = v
		return
	}
	a.addOther(v)
}

func (a *arguments) addTexts(v []string) {
	if i, ok := a.take(kindTexts, len(a.values.Lists)); ok {
		a.values.Lists[i] = v
		return
	}
	a.addOther(v)
}

func (a *arguments) addNums(v []int64) {
	if i, ok := a.take(kindNums, len(a.values.IDs)); ok {
		a.values.IDs[i] = v
		return
	}
	a.addOther(v)
}

func (a *arguments) addOther(v any) {
	a.next(kindOther, len(a.others))
	a.others = append(a.others, v)
}

func (a *arguments) addScalar(s *scalar) {
	switch s.kind {
	case kindNum:
		a.addNum(s.num)
	case kindText:
		a.addText(s.text)
	case kindTime:
		a.addTime(s.at)
	default:
		a.addOther(s.other)
	}
}

// list returns the parameters as plain values (int64, string, time.Time, …).
// The boxed slab is not addressable, so reflect hands out its parts without copying them.
func (a *arguments) list() []any {
	box := reflect.ValueOf(a.values)
	out := make([]any, a.count)
	for i := range out {
		var s slot
		if i < len(a.slots) {
			s = a.slots[i]
		} else {
			s = a.more[i-len(a.slots)]
		}
		if s.kind == kindOther {
			out[i] = a.others[s.index]
			continue
		}
		out[i] = box.Field(int(s.kind) - 1).Index(int(s.index)).Interface()
	}
	return out
}

// placeholder writes the number of the parameter that was added last.
func (a *arguments) placeholder(dst []byte) []byte {
	return strconv.AppendInt(append(dst, '$'), int64(a.count), 10)
}
