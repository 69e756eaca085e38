package query

import (
	"bytes"
	"testing"
)

// What stands behind the signature is read with the same distrust: no bytes
// panic, and what is read is written again and read as the same.
func FuzzCursorValues(f *testing.F) {
	for _, values := range [][]any{{}, {nil, true, false}, {int64(-1), 1.5, "text"}, {[]byte("b"), [16]byte{1}}} {
		var raw []byte
		for _, v := range values {
			var err error
			if raw, err = appendCursorValue(raw, v); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(raw)
	}
	f.Add([]byte{tagText, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{tagTime, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{tagUUID, 1, 2, 3})
	f.Fuzz(func(t *testing.T, raw []byte) {
		values, err := cursorValues(raw)
		if err != nil {
			return
		}
		var again []byte
		for _, v := range values {
			if again, err = appendCursorValue(again, v); err != nil {
				t.Fatal(err)
			}
		}
		reread, err := cursorValues(again)
		if err != nil || len(reread) != len(values) {
			t.Fatalf("%x was read as %v, written as %x and read as %v, %v", raw, values, again, reread, err)
		}
		var third []byte
		for _, v := range reread {
			if third, err = appendCursorValue(third, v); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, third) {
			t.Fatalf("%x is written as %x and then as %x", raw, again, third)
		}
	})
}
