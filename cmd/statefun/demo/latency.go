package demo

import (
	"math/bits"
	"time"
)

// latencies counts durations in buckets that are at most 1/64 of their value wide.
// The zero value is empty.
type latencies struct {
	counts [64 * 42]uint32
	total  uint64
}

// bucket of a duration, in microseconds: exact below 128, then 64 to each power of
// two. What is negative counts as 0, and there is room for years.
func bucket(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	shift := max(0, bits.Len64(us)-7)
	return 64*shift + int(us>>shift)
}

// middle is the duration in the middle of a bucket.
func middle(bucket int) time.Duration {
	if bucket < 128 {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/64 - 1
	low := uint64(bucket-64*shift) << shift
	return time.Duration(low+1<<(shift-1)) * time.Microsecond
}

func (l *latencies) add(d time.Duration) {
	l.counts[min(bucket(d), len(l.counts)-1)]++
	l.total++
}

func (l *latencies) plus(more *latencies) {
	for i, n := range more.counts {
		l.counts[i] += n
	}
	l.total += more.total
}

// rank is the nearest-rank percentile: what so many of a thousand do not exceed,
// but for the width of a bucket. It is 0 if there are none.
func (l *latencies) rank(perMille uint64) time.Duration {
	wanted := max(1, (l.total*perMille+999)/1000)
	seen := uint64(0)
	for i, n := range l.counts {
		if seen += uint64(n); seen >= wanted {
			return middle(i)
		}
	}
	return 0
}
