package monitoring

import (
	"math"
	"math/bits"
	"time"
)

// durations is a histogram with eight buckets an octave from 1 µs to 70 minutes:
// a quantile is within 5%.
type durations struct {
	count   uint64
	sum     time.Duration
	buckets [bucketCount]uint32
}

const (
	perOctave   = 8
	bucketCount = 32 * perOctave
)

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 1))
	octave := bits.Len64(us) - 1
	part := int((us - 1<<octave) * perOctave >> octave)
	return min(octave*perOctave+part, bucketCount-1)
}

// middle of a bucket.
func middle(bucket int) time.Duration {
	octave, part := bucket/perOctave, bucket%perOctave
	low := math.Ldexp(1+float64(part)/perOctave, octave)
	high := math.Ldexp(1+float64(part+1)/perOctave, octave)
	return time.Duration((low + high) / 2 * float64(time.Microsecond))
}

func (h *durations) add(d time.Duration) {
	h.count++
	h.sum += d
	h.buckets[bucketOf(d)]++
}

func (h *durations) merge(o *durations) {
	h.count += o.count
	h.sum += o.sum
	for i, n := range &o.buckets {
		h.buckets[i] += n
	}
}

// fade halves the weight of what was, so that a history follows slow changes.
func (h *durations) fade() {
	h.count, h.sum = 0, h.sum/2
	for i := range h.buckets {
		h.buckets[i] /= 2
		h.count += uint64(h.buckets[i])
	}
}

func (h *durations) mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return h.sum / time.Duration(h.count)
}

func (h *durations) quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(h.count)))
	var seen uint64
	for i, n := range &h.buckets {
		seen += uint64(n)
		if seen >= rank && n > 0 {
			return middle(i)
		}
	}
	return middle(bucketCount - 1)
}
