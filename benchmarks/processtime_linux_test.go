package benchmarks

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestProcessTimeOf(t *testing.T) {
	t.Parallel()
	before := ProcessTime()
	for n := 0; ProcessTime()-before < 50*time.Millisecond; n++ { // work
		_ = strings.Repeat("x", n%1000)
	}
	mine := ProcessTime()
	got := ProcessTimeOf(os.Getpid())
	const step = 20 * time.Millisecond // of two figures
	if got < mine-step || got > ProcessTime()+step {
		t.Errorf("got %v of %v", got, mine)
	}
	if got := ProcessTimeOf(1 << 30); got != 0 {
		t.Errorf("no such process: got %v", got)
	}
	if mine, own := ResidentBytesOf(os.Getpid()), ResidentBytes(); mine == 0 || mine > 2*own || own > 2*mine {
		t.Errorf("resident: got %d of %d", mine, own)
	}
}

func TestProcessTicks(t *testing.T) {
	t.Parallel()
	const rest = " S 1 2 3 4 5 6 7 8 9 10 1000 23 0 0 20 0 1 0"
	for stat, want := range map[string]uint64{
		"7 (name)" + rest:                           1023,
		"7 (na) me (x)" + rest:                      1023,
		"7 (name) S 1 2":                            0,
		"7 name" + rest:                             0,
		"7 (name) S 1 2 3 4 5 6 7 8 9 10 x 23 0 0":  0,
		"7 (name) S 1 2 3 4 5 6 7 8 9 10 1 -23 0 0": 0,
		"": 0,
	} {
		if got := processTicks(strings.NewReader(stat)); got != want {
			t.Errorf("%q: got %d, expected %d", stat, got, want)
		}
	}
}
