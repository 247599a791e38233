package environment

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func setupGoroutines(t *testing.T) (*Simulation, *Environment) {
	t.Helper()
	sim, env := setupSimulation(t)
	sim.Goroutines = true
	t.Cleanup(sim.Crash)
	return sim, env
}

func TestSimulationSleep(t *testing.T) {
	sim, env := setupGoroutines(t)
	var order []string
	steps := 0
	task := env.Dispatcher.Start("sleeper", func() bool {
		steps++
		if steps == 1 {
			order = append(order, "asleep")
			sim.first.Sleep(time.Second)
			order = append(order, "awake")
		}
		return false
	})
	env.Clock.AfterFunc(100*time.Millisecond, func() {
		order = append(order, "woken")
		task.Wake()
		task.Wake()
	})
	env.Clock.AfterFunc(2*time.Second, func() { order = append(order, "late") })
	sim.Run(never)
	if want := []string{"asleep", "woken", "awake", "late"}; !slices.Equal(order, want) {
		t.Errorf("%v, expected %v", order, want)
	}
	if steps != 2 {
		t.Errorf("%d steps, expected 2: a wake-up during a sleep causes one more", steps)
	}
	sim.first.Sleep(time.Hour) // not in a step
}

func TestSimulationAbandonASleepingStep(t *testing.T) {
	sim, env := setupGoroutines(t)
	steps, ended := 0, 0
	task := env.Dispatcher.Start("task", func() bool {
		if steps++; steps == 1 {
			sim.first.Sleep(time.Second)
			ended++
			return true // nobody asks any more
		}
		return false
	})
	sim.Run(func() bool { return steps == 1 })
	if n := sim.first.Asleep(); n != 1 {
		t.Errorf("%d steps are asleep, expected 1", n)
	}
	task.Abandon()
	sim.Advance(100 * time.Millisecond)
	if steps != 2 || ended != 0 {
		t.Fatalf("%d steps, %d have ended, expected 2 and 0", steps, ended)
	}
	task.Wake()
	sim.Run(never)
	if steps != 3 || ended != 1 {
		t.Errorf("%d steps, %d have ended, expected 3 and 1", steps, ended)
	}
}

func TestSimulationStopOfASleepingTask(t *testing.T) {
	sim, env := setupGoroutines(t)
	slept := 0
	task := env.Dispatcher.Start("task", func() bool {
		for range 3 {
			sim.first.Sleep(time.Second)
			slept++
		}
		return true
	})
	sim.Step()
	task.Stop()
	if slept != 3 {
		t.Errorf("Stop returned after %d of 3 sleeps", slept)
	}
	if sim.Run(never) {
		t.Error("a step after Stop")
	}
}

func TestSimulationCrashDuringASleep(t *testing.T) {
	sim, env := setupGoroutines(t)
	left, late := 0, 0
	for range 3 {
		env.Dispatcher.Go("function", func() {
			defer func() { left++ }()
			defer sim.first.Sleep(time.Second) // returns at once
			sim.first.Sleep(time.Second)
			late++
		})
	}
	for range 3 {
		sim.Step()
	}
	sim.Crash()
	sim.Run(never)
	if left != 3 || late != 0 {
		t.Errorf("%d steps were unwound, %d went on, expected 3 and 0", left, late)
	}
}

func TestSimulationExit(t *testing.T) {
	sim, env := setupGoroutines(t)
	steps := 0
	var task Task
	task = env.Dispatcher.Start("task", func() bool {
		if steps++; steps == 1 {
			defer task.Abandon()
			sim.first.Exit()
		}
		return false
	})
	env.Dispatcher.Go("function", sim.first.Exit)
	if sim.Run(never); steps != 2 {
		t.Errorf("%d steps, expected 2", steps)
	}
}

// A test that fails in a step ends, with the step.
func TestSimulationGoexitEndsTheTest(t *testing.T) {
	sim, env := setupGoroutines(t)
	env.Dispatcher.Go("function", runtime.Goexit)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		sim.Run(never)
		t.Error("the simulation went on")
	}()
	<-ended
}

func TestSimulationPanicInAGoroutine(t *testing.T) {
	sim, env := setupGoroutines(t)
	env.Dispatcher.Go("function", func() { panic("boom") })
	defer func() {
		if p, _ := recover().(string); !strings.Contains(p, "boom") || !strings.Contains(p, "sleep_test.go") {
			t.Errorf("expected the panic with its place, found %q", p)
		}
	}()
	sim.Run(never)
}

func TestSimulationJump(t *testing.T) {
	sim, env := setupSimulation(t)
	begin, fired := env.Clock.Now(), false
	env.Clock.AfterFunc(time.Second, func() { fired = true })
	sim.Jump(24 * time.Hour)
	sim.Advance(time.Second / 2)
	if d := env.Clock.Now().Sub(begin); fired || d != 24*time.Hour+time.Second/2 {
		t.Errorf("fired %t, the clock shows %v more", fired, d)
	}
	sim.Jump(-48 * time.Hour)
	if sim.Advance(time.Second); !fired {
		t.Error("a clock that was set back keeps the timer from firing")
	}
}
