package actors

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// latencies counts durations in buckets, two for each power of two. It is safe for
// concurrent use.
type latencies struct {
	buckets [latencyBuckets]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// The first bucket has all up to 128 µs, the last one all over 134 s.
const (
	firstLatencyBits = 7 // of microseconds
	latencyBuckets   = 42
)

// latencyBucket is where a duration is counted.
func latencyBucket(d time.Duration) int {
	us := uint64(max(0, (d+time.Microsecond-1)/time.Microsecond))
	if us <= 1<<firstLatencyBits {
		return 0
	}
	n := bits.Len64(us - 1) // 2^(n-1) < us <= 2^n
	i := 2 * (n - firstLatencyBits)
	if us <= 3<<(n-2) {
		i--
	}
	return min(i, latencyBuckets-1)
}

// latencyBound is the longest duration that is counted in a bucket.
func latencyBound(i int) time.Duration {
	if i == latencyBuckets-1 {
		return math.MaxInt64
	}
	d := time.Microsecond << (firstLatencyBits + i/2)
	if i%2 == 1 {
		d += d / 2
	}
	return d
}

func (l *latencies) add(d time.Duration) {
	l.buckets[latencyBucket(d)].Add(1)
	l.sum.Add(int64(d))
}

type latencyCounts [latencyBuckets]uint64

func (l *latencies) counts() (c latencyCounts) {
	for i := range c {
		c[i] = l.buckets[i].Load()
	}
	return c
}

// Latency says how long attempts took.
type Latency struct {
	Count uint64
	Sum   time.Duration
	// Buckets are those that there are, by their upper bounds, each with the number of
	// attempts up to there. What took longer than the last bound is only in Count.
	Buckets []LatencyBucket
	recent  latencyCounts
}

// LatencyBucket counts the attempts that took at most UpTo.
type LatencyBucket struct {
	UpTo  time.Duration
	Count uint64
}

func (l *latencies) read(before *latencyCounts) Latency {
	out := Latency{recent: l.counts(), Sum: time.Duration(l.sum.Load())}
	for i, n := range out.recent {
		out.Count += n
		if i%2 == 0 { // powers of two will do
			out.Buckets = append(out.Buckets, LatencyBucket{latencyBound(i), out.Count})
		}
	}
	for i := range out.recent {
		out.recent[i] -= before[i]
	}
	return out
}

// Quantile is how long that part (0 to 1) of the attempts took at most, within half:
// of those of the last one or two minutes, or of all where there are few. It is false
// if there were none.
func (l *Latency) Quantile(q float64) (time.Duration, bool) {
	total := uint64(0)
	for _, n := range l.recent {
		total += n
	}
	rank := max(1, uint64(math.Ceil(q*float64(total))))
	for i, n := range l.recent {
		if rank <= n {
			return min(latencyBound(i), latencyBound(latencyBuckets-2)), true
		}
		rank -= n
	}
	return 0, false
}
