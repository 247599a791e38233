package environment

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// stepTime is how far a step moves the simulated clock. It makes timers fire
// even while tasks always have more to do.
const stepTime = time.Microsecond

// A Simulation runs the tasks of one or more simulated processes on the
// goroutine that calls it, in an order drawn from a seed. The same seed and the
// same program give the same order.
//
// Time begins at a fixed date. A step takes a microsecond; when nothing is
// runnable, it leaps to the next timer. Clocks show time, and what Jump added.
//
// Step, Run, Advance, Jump and Crash belong to one goroutine. Those of a running
// step must not call the first three. What the environments offer may be used
// from everywhere, but what other goroutines do with it, no seed repeats.
type Simulation struct {
	// OnStep is told, before each step, when it runs and the name of its task.
	// May be nil. Two runs with the same trace have done the same.
	OnStep func(at time.Time, name string)
	// Goroutines runs each step on a goroutine of its own, still one at a time,
	// so that it may Sleep or Exit; Crash ends them all. Otherwise steps run on the
	// caller's, which is faster, and a panic in one keeps its stack.
	Goroutines bool

	first *Process

	mu        sync.Mutex
	choices   *rand.Rand // which runs next
	draws     *rand.PCG  // what processes get
	now       time.Time
	wrong     time.Duration // what clocks show beyond now
	runnable  []*unit
	timers    timerQueue
	scheduled uint64 // timers so far
	processes []*Process
	running   *unit        // in its step
	idle      []chan *unit // goroutines that wait for a step to run
}

// Seeded returns a simulation with one process, whose files are in fs.
func Seeded(seed uint64, fs vfs.FS) *Simulation {
	s := &Simulation{
		choices: rand.New(rand.NewPCG(seed, 0 /* stream */)),
		draws:   rand.NewPCG(seed, 1 /* stream */),
		now:     time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC),
	}
	s.first = s.Process(fs)
	return s
}

// Environment returns the environment of the process that Seeded has begun.
func (s *Simulation) Environment() *Environment { return s.first.Environment() }

// Process begins another process: another node, or one that starts again after
// a crash.
func (s *Simulation) Process(fs vfs.FS) *Process {
	p := &Process{simulation: s}
	p.environment = Environment{
		Clock:      simulatedClock{p},
		FS:         fs,
		Dispatcher: simulatedDispatcher{p},
		Transport:  simulatedTransport{},
		Random:     simulatedRandom{s},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, p)
	return p
}

// Crash is the death of all processes.
func (s *Simulation) Crash() {
	for _, p := range s.processes {
		p.Crash()
	}
	s.processes = nil
	for _, steps := range s.idle {
		close(steps)
	}
	s.idle = nil
}

// Jump moves what clocks show, forwards or back, as somebody who sets a
// machine's clock does. Timers are due when they would have been.
func (s *Simulation) Jump(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong += d
}

// Run takes steps until the condition holds. It reports false if nothing was
// left to do before that.
func (s *Simulation) Run(until func() bool) bool {
	for !until() {
		if !s.Step() {
			return false
		}
	}
	return true
}

// Step runs one step of a runnable task, a function of Go's or of a timer's,
// chosen at random. It reports false if there is nothing to do and no timer.
func (s *Simulation) Step() bool {
	u := s.choose()
	if u == nil {
		return false
	}
	s.run(u)
	return true
}

// Advance lets d pass: it takes the steps that there are until then.
func (s *Simulation) Advance(d time.Duration) {
	s.mu.Lock()
	end := s.now.Add(d)
	s.mu.Unlock()
	for s.busyBefore(end) {
		s.Step()
	}
	s.mu.Lock()
	s.now = later(s.now, end)
	s.mu.Unlock()
}

// busyBefore reports whether there is a step to take no later than end.
func (s *Simulation) busyBefore(end time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.After(end) {
		return false
	}
	return len(s.runnable) > 0 || len(s.timers) > 0 && !s.timers[0].due.After(end)
}

// choose takes a unit out of the runnable ones. It returns nil if there is none.
func (s *Simulation) choose() *unit {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		panic("environment: a simulated step runs the simulation")
	}
	if len(s.runnable) == 0 && len(s.timers) > 0 {
		s.now = later(s.now, s.timers[0].due)
	}
	s.fireTimers()
	if len(s.runnable) == 0 {
		return nil
	}
	u := s.runnable[s.choices.IntN(len(s.runnable))]
	s.begin(u)
	return u
}

// begin makes a unit the running one.
func (s *Simulation) begin(u *unit) {
	s.unqueue(u)
	u.state = unitRunning
	s.now = s.now.Add(stepTime)
	s.running = u
}

func (s *Simulation) run(u *unit) {
	if s.OnStep != nil {
		s.OnStep(s.now, u.name)
	}
	if s.Goroutines {
		s.carry(u)
		return
	}
	more := false
	defer func() { s.finish(u, more) }() // also when a test fails in the step
	more = u.step()
}

func (s *Simulation) finish(u *unit, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = nil
	again := more || u.woken
	u.state, u.woken, u.wakeUp = unitParked, false, nil
	switch {
	case u.abandoned || u.exits:
		u.state = unitEnded
	case again && !u.process.dead:
		s.queue(u)
	}
}

// queue makes a parked unit runnable, or one that slept long enough.
func (s *Simulation) queue(u *unit) {
	if u.state != unitParked && u.state != unitAsleep {
		return
	}
	u.state, u.index = unitQueued, len(s.runnable)
	s.runnable = append(s.runnable, u)
}

// unqueue takes a unit out of the runnable ones if it is one.
func (s *Simulation) unqueue(u *unit) {
	if u.state != unitQueued {
		return
	}
	last := len(s.runnable) - 1
	moved := s.runnable[last]
	s.runnable[u.index], moved.index = moved, u.index
	s.runnable[last] = nil
	s.runnable = s.runnable[:last]
	u.state = unitParked
}

// end makes a unit one that never runs again.
func (s *Simulation) end(u *unit) {
	s.unqueue(u)
	u.state = unitEnded
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
