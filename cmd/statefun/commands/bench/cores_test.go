package bench

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// Cores and contention are of the process, so nothing runs beside these tests.

func TestCores(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	r := measure(t, "cores --cores 1,2 --addresses 100 --in-flight 50 --warmup 1ms --duration 600ms").Cores
	if r == nil || r.Addresses != 100 || r.Seconds != 0.6 || len(r.Runs) != 2 {
		t.Fatalf("got %+v", r)
	}
	for i, run := range r.Runs {
		if run.Cores != i+1 || run.MessagesPerSecond <= 0 || run.SpeedUp <= 0 || run.BarePerSecond <= 0 || run.BareSpeedUp <= 0 || len(run.Waits) == 0 {
			t.Errorf("got %+v", run)
		}
	}
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("left the process with %d cores of %d", n, before)
	}
}

// holder keeps others waiting.
type holder struct{ mu sync.Mutex }

func (h *holder) hold(held chan<- struct{}) {
	h.mu.Lock()
	close(held)
	<-time.After(5 * time.Millisecond)
	h.mu.Unlock()
}

func TestContention(t *testing.T) {
	stop := recordContention()
	h := &holder{}
	var all sync.WaitGroup
	for range 300 { // one in ten is sampled
		held := make(chan struct{})
		all.Go(func() { h.hold(held) })
		<-held
		h.mu.Lock()
		h.mu.Unlock() //nolint:staticcheck,gocritic // only waits
	}
	all.Wait()
	raw, perSecond := readContended(runtime.MutexProfile), cyclesPerSecond()
	stop()
	if perSecond < 1e6 {
		t.Errorf("%g cycles a second", perSecond)
	}
	seconds := 0.0
	for _, r := range raw {
		if strings.Contains(placeOf(r.Stack()), "bench.(*holder).hold") {
			seconds += float64(r.Cycles) / perSecond
		}
	}
	if seconds < 0.05 || seconds > 60 {
		t.Errorf("others waited %.3f s for the holder, expected about 1.5 s", seconds)
	}
}

// stackOf is the stack of a call of f.
func stackOf(f any) (out [32]uintptr) {
	out[0] = reflect.ValueOf(f).Pointer() + 1
	return out
}

func TestWorst(t *testing.T) {
	t.Parallel()
	record := func(f any, count, cycles int64) runtime.BlockProfileRecord {
		return runtime.BlockProfileRecord{Count: count, Cycles: cycles, StackRecord: runtime.StackRecord{Stack0: stackOf(f)}}
	}
	before, now := contended{}, contended{}
	for _, r := range []runtime.BlockProfileRecord{record(strings.ToUpper, 5, 1000), record(strings.ToTitle, 4, 9000)} {
		before[r.Stack0] = r
	}
	for _, r := range []runtime.BlockProfileRecord{
		record(strings.ToUpper, 7, 3000), record(strings.ToTitle, 4, 9000), record(strings.ToLower, 1, 4000),
		record(newFlow, 100, 100_000), // what measures is left out
	} {
		now[r.Stack0] = r
	}
	want := []Contention{{"strings.ToLower", 4, 1}, {"strings.ToUpper", 2, 2}}
	if got := now.worst(before, 1000); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := waited(want); got != 6 {
		t.Errorf("got %v", got)
	}
}

func TestCoresUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"cores --cores 0":      "--cores: expected 1 to",
		"cores --addresses 0":  "--addresses: expected 1 to",
		"cores --in-flight -1": "in-flight: expected",
	} {
		_, _, err := execute(t, nil, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}
