package twin

import (
	"testing"
	"time"
)

// A call is recorded in under 200 ns, by one caller and by many at once.
func BenchmarkRecord(b *testing.B) {
	f := newFigures()
	at := time.Now()
	o := outcome{duration: 137 * time.Microsecond, rows: 20, drawn: true}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.record(o, at, time.Hour, 200)
		}
	})
	b.Run("many", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				f.record(o, at, time.Hour, 200)
			}
		})
	})
}
