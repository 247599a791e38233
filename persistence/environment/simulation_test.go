package environment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func never() bool { return false }

// ring starts tasks that wake each other, functions and timers, all drawing
// from the environment, for some rounds.
func ring(env *Environment, rounds int) {
	const tasks = 5
	var started []Task
	for i := range tasks {
		started = append(started, env.Dispatcher.Start(fmt.Sprint("task ", i), func() bool {
			if rounds == 0 || len(started) < tasks {
				return false
			}
			rounds--
			next := started[env.Random.Uint64()%tasks]
			switch env.Random.Uint64() % 4 {
			case 0:
				env.Clock.AfterFunc(time.Duration(env.Random.Uint64()%1e6), next.Wake)
			case 1:
				env.Dispatcher.Go("function", next.Wake)
			case 2:
				next.Wake()
				return true
			default:
				next.Wake()
			}
			return false
		}))
	}
}

func trace(seed uint64) []string {
	var steps []string
	sim := Seeded(seed, vfs.NewMem())
	sim.OnStep = func(at time.Time, name string) {
		steps = append(steps, fmt.Sprint(at.UnixNano(), " ", name))
	}
	ring(sim.Environment(), 200)
	sim.Run(never)
	return steps
}

func TestSimulationRepeats(t *testing.T) {
	t.Parallel()
	different := false
	for seed := range uint64(6) {
		first := trace(seed)
		if len(first) < 100 {
			t.Fatalf("seed %d: only %d steps", seed, len(first))
		}
		if second := trace(seed); !slices.Equal(first, second) {
			t.Fatalf("seed %d differs:\n%s\n\n%s", seed, strings.Join(first, "\n"), strings.Join(second, "\n"))
		}
		different = different || !slices.Equal(first, trace(seed+1000))
	}
	if !different {
		t.Error("all seeds give the same order")
	}
}

func setupSimulation(t *testing.T) (*Simulation, *Environment) {
	t.Helper()
	t.Parallel()
	sim := Seeded(1, vfs.NewMem())
	return sim, sim.Environment()
}

func TestSimulationTaskLife(t *testing.T) {
	sim, env := setupSimulation(t)
	steps := 0
	task := env.Dispatcher.Start("task", func() bool { steps++; return steps < 3 })
	if sim.Run(never); steps != 3 {
		t.Fatalf("%d steps after the start, expected 3", steps)
	}
	task.Wake()
	task.Wake()
	if sim.Run(never); steps != 4 {
		t.Fatalf("%d steps after two wakes, expected 4", steps)
	}
	task.Abandon()
	if sim.Run(never); steps != 5 {
		t.Fatalf("%d steps after an Abandon, expected 5", steps)
	}
	task.Wake()
	task.Stop()
	task.Stop()
	task.Wake()
	if sim.Run(never); steps != 5 {
		t.Fatalf("%d steps after the Stop, expected 5", steps)
	}
}

func TestSimulationWakeDuringStep(t *testing.T) {
	sim, env := setupSimulation(t)
	steps := 0
	var task Task
	task = env.Dispatcher.Start("task", func() bool {
		if steps++; steps == 1 {
			task.Wake()
		}
		return false
	})
	if sim.Run(never); steps != 2 {
		t.Errorf("%d steps, expected 2", steps)
	}
}

func TestSimulationStopFromAnotherStep(t *testing.T) {
	sim, env := setupSimulation(t)
	victim := env.Dispatcher.Start("victim", func() bool { return true })
	sim.Run(func() bool { return sim.Environment().Clock.Now().Nanosecond() > 10_000 })
	env.Dispatcher.Start("stopper", func() bool { victim.Stop(); return false })
	if sim.Run(never) {
		t.Error("the victim still runs")
	}
}

func TestSimulationStopFromOwnStepPanics(t *testing.T) {
	sim, env := setupSimulation(t)
	var task Task
	task = env.Dispatcher.Start("task", func() bool { task.Stop(); return false })
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		task.Stop() // the simulation still works
	}()
	sim.Step()
}

func TestSimulationRunInStepPanics(t *testing.T) {
	sim, env := setupSimulation(t)
	env.Dispatcher.Go("nested", func() { sim.Run(never) })
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	sim.Step()
}

func TestSimulationRunUntil(t *testing.T) {
	sim, env := setupSimulation(t)
	steps := 0
	env.Dispatcher.Start("task", func() bool { steps++; return true })
	if !sim.Run(func() bool { return steps == 10 }) || steps != 10 {
		t.Errorf("%d steps, expected 10", steps)
	}
}

func TestSimulationTimersInOrder(t *testing.T) {
	sim, env := setupSimulation(t)
	begin := env.Clock.Now()
	var fired []time.Duration
	for _, d := range []time.Duration{3 * time.Second, time.Second, -time.Second, 2 * time.Second} {
		env.Clock.AfterFunc(d, func() { fired = append(fired, env.Clock.Now().Sub(begin).Truncate(time.Millisecond)) })
	}
	stopped := env.Clock.AfterFunc(1500*time.Millisecond, func() { t.Error("a stopped timer fired") })
	if !stopped.Stop() || stopped.Stop() {
		t.Error("only the first Stop should report true")
	}
	if sim.Run(never) {
		t.Error("something is left")
	}
	if want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(fired, want) {
		t.Errorf("fired at %v, expected %v", fired, want)
	}
}

func TestSimulationStopDueTimer(t *testing.T) {
	sim, env := setupSimulation(t)
	var timers []Timer
	fired := 0
	for i := range 2 {
		timers = append(timers, env.Clock.AfterFunc(time.Second, func() {
			fired++
			if timers[i].Stop() {
				t.Error("Stop reports that it kept a running function from running")
			}
			if !timers[1-i].Stop() {
				t.Error("Stop reports that a queued function has run")
			}
		}))
	}
	if sim.Run(never); fired != 1 {
		t.Errorf("%d fired, expected 1", fired)
	}
}

func TestSimulationAdvance(t *testing.T) {
	sim, env := setupSimulation(t)
	begin := env.Clock.Now()
	ticks := 0
	var tick func()
	tick = func() { ticks++; env.Clock.AfterFunc(time.Second, tick) }
	env.Clock.AfterFunc(time.Second, tick)
	sim.Advance(10*time.Second + 500*time.Millisecond)
	if ticks != 10 {
		t.Errorf("%d ticks, expected 10", ticks)
	}
	if d := env.Clock.Now().Sub(begin); d != 10*time.Second+500*time.Millisecond {
		t.Errorf("the clock advanced by %v", d)
	}
}

func TestSimulationTimersFireBesideBusyTasks(t *testing.T) {
	sim, env := setupSimulation(t)
	env.Dispatcher.Start("busy", func() bool { return true })
	fired := false
	env.Clock.AfterFunc(time.Millisecond, func() { fired = true })
	sim.Run(func() bool { return fired })
	sim.Advance(time.Millisecond) // returns
}

func TestSimulationCrash(t *testing.T) {
	sim, env := setupSimulation(t)
	alive := true
	check := func() {
		if !alive {
			t.Error("something runs after the crash")
		}
	}
	task := env.Dispatcher.Start("task", func() bool { check(); return true })
	env.Dispatcher.Go("function", check)
	timer := env.Clock.AfterFunc(time.Second, check)
	for range 3 {
		sim.Step()
	}
	sim.Crash()
	alive = false

	task.Wake()
	env.Dispatcher.Start("late", func() bool { check(); return false }).Wake()
	env.Dispatcher.Go("late", check)
	late := env.Clock.AfterFunc(time.Second, check)
	if sim.Run(never) || timer.Stop() || late.Stop() {
		t.Error("something is left")
	}
	task.Stop()
}

func TestSimulationCrashOfOneProcess(t *testing.T) {
	sim, env := setupSimulation(t)
	other := sim.Process(vfs.NewMem())
	survivor, victim, timers := 0, 0, 0
	env.Dispatcher.Start("survivor", func() bool { survivor++; return survivor < 100 })
	env.Clock.AfterFunc(time.Second, func() { timers++ })
	var task Task
	task = other.Environment().Dispatcher.Start("victim", func() bool {
		if victim++; victim == 10 {
			task.Wake()
			other.Crash()
		}
		return true
	})
	other.Environment().Clock.AfterFunc(time.Second, func() { t.Error("fired after the crash") })
	sim.Run(never)
	if survivor != 100 || victim != 10 || timers != 1 {
		t.Errorf("survivor %d of 100 steps, victim %d of 10, timers %d of 1", survivor, victim, timers)
	}
	again := false
	sim.Process(vfs.NewMem()).Environment().Dispatcher.Go("again", func() { again = true })
	if sim.Run(never); !again {
		t.Error("a process started after the crash does not run")
	}
}

func TestSimulationEnvironment(t *testing.T) {
	_, env := setupSimulation(t)
	if _, err := env.Transport.Listen(context.Background(), "tcp", ":0"); err == nil {
		t.Error("a simulated process listens")
	}
	bytes := make([]byte, 13)
	env.Random.Read(bytes)
	if slices.Equal(bytes, make([]byte, 13)) {
		t.Error("Read gives zeros")
	}
	if f, err := env.FS.Create("file", vfs.WriteCategoryUnspecified); err != nil || f.Close() != nil {
		t.Error("no file system")
	}
}

// Other goroutines may wake simulated tasks: a database's, for example.
func TestSimulationWakeFromOtherGoroutines(t *testing.T) {
	sim, env := setupSimulation(t)
	var c counter
	task := env.Dispatcher.Start("counter", c.step)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			c.published.Add(1)
			task.Wake()
		}
	}()
	await(t, func() bool { sim.Run(never); return c.seen.Load() == 100 })
	<-done
}
