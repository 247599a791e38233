package benchmarks

import (
	"fmt"
	"slices"
	"time"
)

// Latency is a summary of how long something took.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// String shows the summary in few digits.
func (l Latency) String() string {
	const unit = 10 * time.Microsecond
	return fmt.Sprintf("p50 %v, p99 %v, max %v", l.P50.Round(unit), l.P99.Round(unit), l.Max.Round(unit))
}

// latencyOf sums up samples, which it sorts; the zero Latency if there are none.
func latencyOf(samples []time.Duration) Latency {
	if len(samples) == 0 {
		return Latency{}
	}
	slices.Sort(samples)
	return Latency{P50: rank(samples, 50), P99: rank(samples, 99), Max: samples[len(samples)-1]}
}

// rank is the nearest-rank percentile of sorted samples: the least of them that
// percent of all do not exceed.
func rank(sorted []time.Duration, percent int) time.Duration {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
