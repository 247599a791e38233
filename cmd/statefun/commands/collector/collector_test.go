package collector

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestLimitFollowsWhatLives(t *testing.T) {
	for _, test := range []struct {
		live         uint64
		base, grains int64
		want         int64
	}{
		{0, resident, 0, resident},
		{300 << 20, resident, 0, resident},
		{300 << 20, resident, 100_000, resident + 100_000*perGrain},
		{4 << 30, resident, 0, 5 << 30},
		{0, residentRemote, 1000, residentRemote + 1000*perGrain},
		{100 << 20, residentRemote, 1000, 200 << 20},
		{300 << 20, residentRemote, 1000, resident + 1000*perGrain},
		{1 << 30, residentRemote, 1000, 5 << 28},
	} {
		if got := limitFor(test.live, test.base, test.grains); got != test.want {
			t.Errorf("limit for %d bytes and %d grains above %d: %d, want %d", test.live, test.grains, test.base, got, test.want)
		}
	}
}

type node struct {
	grains int64
	cached int64
	remote bool
}

func (n node) LiveGrains() int64  { return n.grains }
func (n node) CachedBytes() int64 { return n.cached }
func (n node) OnlyRemote() bool   { return n.remote }

func TestFollow(t *testing.T) {
	const live = 0
	var f follower
	if got := f.limit(live); got != resident {
		t.Errorf("limit without grains: %d, want %d", got, resident)
	}
	f.follow(node{1000, 64 << 20, true})
	if got, want := f.limit(live), int64(residentRemote+1000*perGrain); got != want {
		t.Errorf("limit of a node whose functions run elsewhere: %d, want %d", got, want)
	}
	f.follow(node{1000, 64 << 20, false})
	if got, want := f.limit(live), int64(resident+1000*perGrain+(32<<20)); got != want {
		t.Errorf("limit with grains: %d, want %d", got, want)
	}
	for range recent - 1 { // the lowest of the last ones counts
		f.live = [recent]uint64{8 << 30, 8 << 30, 8 << 30, 8 << 30, 8 << 30, 8 << 30, 8 << 30, 8 << 30}
		if got, want := f.limit(live), int64(resident+1000*perGrain+(32<<20)); got != want {
			t.Errorf("limit: %d, want %d", got, want)
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
	if got := debug.SetMemoryLimit(-1); got < resident || got >= 3*resident {
		t.Errorf("the memory limit is %d MiB once started", got>>20)
	}
	for debug.SetGCPercent(-1) == -1 { // the finalizer has its own time
		runtime.GC()
		runtime.Gosched()
	}
}

// What a start has read may be all alive.
func TestAQuarterMoreAfterTheStart(t *testing.T) {
	t.Parallel()
	var f follower
	for range recent {
		f.limit(15 << 20)
	}
	if got, want := f.started(1<<30), int64(5<<28); got != want {
		t.Errorf("limit after the start: %d, want %d", got, want)
	}
	if got, want := f.limit(800<<20), int64(1000<<20); got != want {
		t.Errorf("limit after the first collection: %d, want %d", got, want)
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
