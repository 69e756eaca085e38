package query

// fragment is a part of a statement's text while it is being built. It begins
// inside the builder and moves to the heap when it outgrows that place.
//
// A fragment never keeps a slice of itself: the compiler can then see that the
// builder is not kept by anyone, and puts it on the caller's stack.
type fragment struct {
	inline [448]byte
	length int
	heap   []byte
}

// bytes returns the text so far, to append to and give back with keep.
func (f *fragment) bytes() []byte {
	if f.heap != nil {
		return f.heap
	}
	return f.inline[:f.length]
}

func (f *fragment) keep(text []byte) {
	if f.heap != nil || len(text) > len(f.inline) {
		f.heap = append([]byte(nil), text...)
		return
	}
	f.length = len(text) // appended in place: the capacity was enough
}

func (f *fragment) empty() bool { return f.length == 0 && f.heap == nil }
