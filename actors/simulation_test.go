package actors

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay this seed alone")
	seedsFlag = flag.Int("seeds", 1000, "number of seeds to simulate")
)

// TestSimulation runs random programs on a node in which one goroutine at a time
// does everything, on a disk that is slow and a clock that jumps. It crashes,
// stops and damages the node at random moments and compares what it sees, then
// and in the end, with a model. A seed decides it all: -seed N runs it again.
func TestSimulation(t *testing.T) {
	t.Parallel()
	eachSeed(t, 1, func(t *testing.T, seed uint64, system *actor.ActorSystem) *simulation {
		return simulate(t, seed, system, false)
	})
}

// The same over Pebble, which flushes and compacts when it likes to: there a
// replay is only likely.
func TestSimulationWithPebble(t *testing.T) {
	t.Parallel()
	eachSeed(t, 20, func(t *testing.T, seed uint64, system *actor.ActorSystem) *simulation {
		return simulate(t, seed, system, true)
	})
}

// The same with functions elsewhere, which are reached at times: what they are
// shown is durable, in order and nothing twice. COMPAT 25, 26, 27, 81, 82, 83, 85.
func TestSimulationWithRemotes(t *testing.T) {
	t.Parallel()
	eachSeed(t, 4, func(t *testing.T, seed uint64, system *actor.ActorSystem) *simulation {
		s := newSimulation(t, seed, system, false)
		s.remotely, s.trouble = true, max(0, s.rng.IntN(70)-20)
		s.run()
		return s
	})
}

// A seed gives the same steps at the same times, the same attempts at the same
// programs and the same files.
func TestSimulationRepeats(t *testing.T) {
	t.Parallel()
	system := newSystem()
	defer system.Shutdown()
	run := func(seed uint64) []string {
		s := newSimulation(t, seed, system, false)
		s.tracing = true
		s.run()
		return append(s.trace, s.disk.files.String())
	}
	var before []string
	for seed := uint64(1); seed <= 4; seed++ {
		first, second := run(seed), run(seed)
		for i := range first {
			if i >= len(second) || first[i] != second[i] {
				t.Fatalf("seed %d: line %d of %d is %q, then %q", seed, i, len(first), first[i], second[min(i, len(second)-1)])
			}
		}
		if len(first) != len(second) || len(first) < 1000 || slices.Equal(first, before) {
			t.Fatalf("seed %d has a trace of %d lines, then %d", seed, len(first), len(second))
		}
		before = first
	}
}

// BenchmarkSimulation reports what a seed costs, and messages by wall time.
func BenchmarkSimulation(b *testing.B) {
	system := newSystem()
	defer system.Shutdown()
	messages, seed := uint64(0), uint64(0)
	for b.Loop() {
		seed++
		messages += simulate(b, seed, system, false).messages
	}
	b.ReportMetric(float64(messages)/b.Elapsed().Minutes(), "messages/min")
	b.ReportMetric(float64(messages)/float64(seed), "messages/op")
}

// eachSeed simulates the seeds that the flags name, divided by share, on all
// processors, up to the first that fails.
func eachSeed(t *testing.T, share int, simulate func(*testing.T, uint64, *actor.ActorSystem) *simulation) {
	t.Helper()
	first, n := uint64(1), uint64(max(1, *seedsFlag/share))
	if testing.Short() {
		n = max(1, n/20)
	}
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // many small heaps
	began := time.Now()
	var next, messages, steps atomic.Uint64
	next.Store(first)
	t.Run("seeds", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				system := newSystem()
				defer system.Shutdown()
				defer func() {
					if t.Failed() {
						next.Store(first + n) // the others need not go on
					}
				}()
				for seed := next.Add(1) - 1; seed < first+n; seed = next.Add(1) - 1 {
					s := simulate(t, seed, system)
					messages.Add(s.messages)
					steps.Add(s.steps)
				}
			})
		}
	})
	t.Logf("%d seeds, %d messages, %d steps, %.0f messages a minute", n, messages.Load(), steps.Load(),
		float64(messages.Load())/time.Since(began).Minutes())
}

// simulation is one seed's run.
type simulation struct {
	testing.TB
	seed   uint64
	rng    *rand.Rand
	sim    *environment.Simulation
	groups int // of keys
	disk   disk

	// The process that lives now.
	process     *environment.Process
	engine      *Engine
	system      *actor.ActorSystem
	alone       int  // functions of Dispatcher.Go under way
	preemptible bool // the running step, where it looks at the clock

	// What is outside, and outlives it.
	gen      *programs.Generator
	book     *programs.Book
	model    *programs.World // in the end
	floor    *programs.World // seen durable
	sink     *numberedSink
	source   source
	requests []*request
	clients  int
	scratch  scratch
	released map[string]bool // from quarantine, by this process
	latest   int64           // that the clock has ever shown, milliseconds since 1970
	wrong    time.Duration   // what the clock shows too much
	broken   []error         // told by programs
	remotely bool            // functions are elsewhere
	trouble  int             // percent of requests that something happens to

	crashes, stops  int
	messages, steps uint64
	tracing         bool
	trace           []string
}

func simulate(t testing.TB, seed uint64, system *actor.ActorSystem, pebble bool) *simulation {
	t.Helper()
	s := newSimulation(t, seed, system, pebble)
	s.run()
	return s
}

func newSimulation(t testing.TB, seed uint64, system *actor.ActorSystem, pebble bool) *simulation {
	s := &simulation{
		TB: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), system: system,
		book: programs.NewBook(), model: programs.NewWorld(), floor: programs.NewWorld(),
		groups: 1 + int(seed%8), tracing: *seedFlag != 0,
	}
	s.gen = &programs.Generator{
		Rand: s.rng, IDs: 1 + s.rng.IntN(10), Blocking: s.rng.IntN(3), Hot: max(0, s.rng.IntN(160)-80), Book: s.book,
	}
	s.sink = &numberedSink{simulation: s, counts: map[string]int{}}
	s.source.sent = map[string]int{}
	s.scratch.next = 1
	s.disk = disk{simulation: s, files: vfs.NewCrashableMem(), slow: max(0, s.rng.IntN(60)-20)}
	if !pebble {
		s.disk.memory = tables.NewMemory(true)
	}
	s.sim = environment.Seeded(seed, s.disk.files)
	s.sim.Goroutines = true
	s.sim.OnStep = func(at time.Time, name string) {
		s.steps++
		if s.tracing {
			s.note("%s %s", at.Format("05.000000"), name)
		}
	}
	return s
}

func (s *simulation) run() {
	defer s.end()
	s.start()
	for range 20 + s.rng.IntN(60) {
		s.act()
		s.walk(s.rng.IntN(400))
	}
	s.settle()
	if s.rng.IntN(4) == 0 {
		s.stop()
		s.settle()
	}
}

// act does one thing to the node.
func (s *simulation) act() {
	switch s.rng.IntN(24) {
	case 0, 1, 2, 3, 4, 5, 6:
		s.feed(1 + s.rng.IntN(8))
	case 7, 8, 9:
		s.request()
	case 10:
		s.repeat()
	case 11:
		s.contradict()
	case 12:
		s.jump()
	case 13:
		s.release()
	case 14:
		s.scratch.flood(s)
	case 15:
		s.scratch.purge(s)
	case 16:
		s.crash()
	case 17:
		if s.rng.IntN(2) == 0 {
			s.stop()
		}
	case 18:
		if s.rng.IntN(3) == 0 {
			s.disk.breakDown()
		}
	case 19:
		s.checkAll()
	default:
		s.advance(time.Duration(s.rng.IntN(100)) * time.Millisecond)
	}
}

// walk takes some steps.
func (s *simulation) walk(steps int) {
	for range steps {
		if !s.sim.Step() {
			return
		}
		s.watch()
	}
}

// advance lets some time pass.
func (s *simulation) advance(d time.Duration) {
	over := false
	s.process.Environment().Clock.AfterFunc(d, func() { over = true })
	for process := s.process; !over && process == s.process; s.watch() {
		if !s.sim.Step() {
			return
		}
	}
}

// jump sets the clock, forwards or back.
func (s *simulation) jump() {
	d := []time.Duration{time.Millisecond, 100 * time.Millisecond, time.Minute, time.Hour, 24 * time.Hour}[s.rng.IntN(5)]
	d = time.Duration(s.rng.Int64N(int64(2*d))) - d
	if s.rng.IntN(3) == 0 {
		d = -s.wrong // it is put right
	}
	s.setClock(d)
}

func (s *simulation) setClock(d time.Duration) {
	s.note("the clock jumps by %v", d)
	s.now()
	s.wrong += d
	s.sim.Jump(d)
	s.now()
}

// now is what the clock shows, in milliseconds since 1970.
func (s *simulation) now() int64 {
	now := s.process.Environment().Clock.Now().UnixMilli()
	s.latest = max(s.latest, now)
	return now
}

func (s *simulation) note(format string, args ...any) {
	if s.tracing {
		s.trace = append(s.trace, fmt.Sprintf(format, args...))
	}
}

func (s *simulation) fail(format string, args ...any) {
	s.Helper()
	if *seedFlag != 0 {
		s.Log("the last steps:\n" + strings.Join(s.trace[max(0, len(s.trace)-2000):], "\n"))
	}
	s.dump()
	s.Fatalf("seed %d, %d crashes, %d stops: %s", s.seed, s.crashes, s.stops, fmt.Sprintf(format, args...))
}

func (s *simulation) must(err error) {
	s.Helper()
	if err != nil {
		s.fail("%v", err)
	}
}
