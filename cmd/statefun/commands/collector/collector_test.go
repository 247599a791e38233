package collector

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestLimitFollowsWhatLives(t *testing.T) {
	for live, want := range map[uint64]int64{0: resident, 100 << 20: resident, 280 << 20: resident, 1 << 30: 4<<30 - slack - 2*large} {
		if got := limitFor(live); got != want {
			t.Errorf("limit for %d bytes: %d, want %d", live, got, want)
		}
	}
}

func TestNoCollectionWhileStarting(t *testing.T) {
	debug.SetMemoryLimit(resident)
	defer debug.SetMemoryLimit(math.MaxInt64)
	before := debug.SetGCPercent(123)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "")
	started := Starting()
	if got := debug.SetGCPercent(-1); got != -1 {
		t.Errorf("GOGC is %d while starting", got)
	}
	started()
	if got := debug.SetGCPercent(123); got != 123 {
		t.Errorf("GOGC is %d once started", got)
	}
}

func TestEveryCollectionIsNoticed(_ *testing.T) {
	ran := make(chan struct{}, 100)
	afterCollection(func() { ran <- struct{}{} })
	for range 3 {
		runtime.GC()
		<-ran
	}
}

func TestWhoeverStartsTheProcessDecides(t *testing.T) {
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "77")
	Tune()
	if got := debug.SetGCPercent(77); got != 77 {
		t.Errorf("GOGC=77 became %d", got)
	}
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("the memory limit became %d", got)
	}
}
