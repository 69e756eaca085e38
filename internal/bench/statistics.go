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

// resamples bounds the Monte Carlo error of a 95% interval well below its width.
const resamples = 2000

// ratioOf compares the costs of paired rounds: how many times less After costs
// than Before, with the 95% interval of a bootstrap over the rounds. Rounds are
// drawn as pairs, because what disturbs a round disturbs both of its sides.
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
	return ratio, quantile(drawn, 0.025), quantile(drawn, 0.975)
}
