package demo

import (
	"testing"
	"time"
)

func TestLatencies(t *testing.T) {
	t.Parallel()
	var l, more latencies
	if l.rank(500) != 0 {
		t.Errorf("nothing has the median %v", l.rank(500))
	}
	for ms := range 900 {
		l.add(time.Duration(ms+1) * time.Millisecond)
	}
	for ms := range 100 {
		more.add(time.Duration(ms+901) * time.Millisecond)
	}
	l.plus(&more)
	for perMille, want := range map[uint64]time.Duration{0: 1, 1: 1, 500: 500, 990: 990, 1000: 1000} {
		want *= time.Millisecond
		if got := l.rank(perMille); got < want-want/64 || got > want+want/64 {
			t.Errorf("%d: got %v, want %v", perMille, got, want)
		}
	}
}

// A duration is in the middle of its bucket, or not further from it than 1/128 of
// its value; and buckets are in order.
func TestBuckets(t *testing.T) {
	t.Parallel()
	last := -1
	for us := int64(0); us < 1<<46; us += 1 + us/97 {
		d := time.Duration(us) * time.Microsecond
		b := bucket(d)
		if b < last {
			t.Fatalf("%v is in bucket %d, less than %d", d, b, last)
		}
		last = b
		if off := (middle(b) - d).Abs(); off > d/127 {
			t.Fatalf("%v is in bucket %d of %v", d, b, middle(b))
		}
	}
	if last >= len(latencies{}.counts) {
		t.Errorf("no room for bucket %d", last)
	}
	if bucket(-time.Second) != 0 {
		t.Error("a negative duration is not 0")
	}
	var l latencies
	l.add(1<<63 - 1)
	if l.rank(500) < 1000*time.Hour {
		t.Error("for ever is too short")
	}
}
