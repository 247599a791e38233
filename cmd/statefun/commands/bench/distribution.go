package bench

import (
	"slices"
	"time"
)

// distribution is samples in ascending order.
type distribution []time.Duration

// sorted sorts samples, which belong to the distribution from then on.
func sorted(samples []time.Duration) distribution {
	slices.Sort(samples)
	return samples
}

// rank is the nearest-rank percentile: the least sample that so many of a
// thousand do not exceed, 0 if there are none.
func (d distribution) rank(perMille int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return d[max(0, (len(d)*perMille+999)/1000-1)]
}
