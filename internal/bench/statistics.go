package bench

import (
	"math"
	"math/rand/v2"
	"slices"
)

// quantile returns the value below which the share q of the sorted list lies, by
// nearest rank: a time that was really measured.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank-1, 0), len(sorted)-1)]
}

func mean(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// resamples leaves several of them beyond the ends of the interval even where few
// rounds push the ends outwards.
const resamples = 10_000

// ratioOf compares the costs of paired rounds: how many times less After costs
// than Before, with the 95% interval of a bootstrap over the rounds. Rounds are
// drawn as pairs, because what disturbs a round disturbs both of its sides.
//
// The plain percentile interval is too narrow for few rounds. Its ends are moved
// outwards to where Student's t has them (the expanded percentile interval;
// T. Hesterberg, What Teachers Should Know About the Bootstrap, 2015, section 5.1).
func ratioOf(before, after []float64, seed uint64) (ratio, low, high float64) {
	n := min(len(before), len(after))
	if n == 0 || mean(after[:n]) == 0 {
		return 0, 0, 0
	}
	ratio = mean(before[:n]) / mean(after[:n])
	draw := rand.New(rand.NewPCG(seed, 0x6f766173616269))
	drawn := make([]float64, 0, resamples)
	for range resamples {
		var b, a float64
		for range n {
			i := draw.IntN(n)
			b += before[i]
			a += after[i]
		}
		if a > 0 {
			drawn = append(drawn, b/a)
		}
	}
	slices.Sort(drawn)
	tail := expandedTail(n)
	return ratio, quantile(drawn, tail), quantile(drawn, 1-tail)
}

// expandedTail is the share of resamples to leave out at each end of a 95%
// interval over n rounds: 2.5% for many, less for few.
func expandedTail(n int) float64 {
	if n < 2 {
		return 0
	}
	widened := math.Sqrt(float64(n)/float64(n-1)) * studentT(float64(n-1))
	return math.Erfc(widened/math.Sqrt2) / 2
}

// studentT is the 97.5% quantile of Student's t, to 1% from three degrees of freedom
// on, by the series of Cornish and Fisher (Abramowitz and Stegun, 26.7.5).
func studentT(freedom float64) float64 {
	const (
		z  = 1.959964
		z3 = z * z * z
		z5 = z3 * z * z
		z7 = z5 * z * z
	)
	return z + (z3+z)/(4*freedom) + (5*z5+16*z3+3*z)/(96*freedom*freedom) + (3*z7+19*z5+17*z3-15*z)/(384*freedom*freedom*freedom)
}
