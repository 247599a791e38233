package environment

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
)

// A Process is what dies together in a simulation.
type Process struct {
	simulation  *Simulation
	environment Environment
	dead        bool    // under the simulation's mu
	asleep      []*unit // in a step that sleeps
}

// Environment returns what the process takes from outside.
func (p *Process) Environment() *Environment { return &p.environment }

// Crash is the process's death: its tasks, functions and timers are dropped, and
// what it starts later never runs. A step that has called Crash goes on to its
// end, one that sleeps ends as with runtime.Goexit. The files are not touched;
// CrashFiles has those for the next process.
func (p *Process) Crash() {
	s := p.simulation
	s.mu.Lock()
	p.dead = true
	s.dropTimers(p)
	for i := len(s.runnable) - 1; i >= 0; i-- {
		if u := s.runnable[i]; u.process == p {
			s.end(u)
		}
	}
	asleep, running := p.asleep, s.running
	p.asleep = nil
	s.mu.Unlock()
	for _, u := range asleep {
		u.wakeUp <- false
		<-u.outcome
	}
	s.mu.Lock()
	s.running = running
	s.mu.Unlock()
}

// A unit is what a step belongs to: a task, or a function that runs once.
type unit struct {
	process *Process
	name    string
	step    func() (more bool)
	state   unitState
	index   int  // among the runnable units, while queued
	woken   bool // since its step began

	// With Goroutines: a step that sleeps is told whether its process lives when
	// it has to wake up; who runs a step is told when it ends or falls asleep.
	wakeUp    chan bool
	outcome   chan outcome
	abandoned bool // another unit goes on with the task
	exits     bool // ends by Exit
}

type unitState int

const (
	unitParked  unitState = iota
	unitQueued            // is among the runnable ones
	unitRunning           // is in its step
	unitAsleep            // is in its step, which sleeps
	unitEnded
)

// once returns a unit whose function runs once.
func (p *Process) once(name string, f func()) *unit {
	return &unit{process: p, name: name, step: func() bool { f(); return false }}
}

type simulatedDispatcher struct{ *Process }

func (d simulatedDispatcher) Start(name string, step func() (more bool)) Task {
	return d.start(&unit{process: d.Process, name: name, step: step})
}

func (d simulatedDispatcher) Go(name string, f func()) { d.start(d.once(name, f)) }

func (d simulatedDispatcher) start(u *unit) *simulatedTask {
	s := d.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.dead {
		u.state = unitEnded
	}
	s.queue(u)
	return &simulatedTask{u}
}

// simulatedTask is a task by the unit that runs it now.
type simulatedTask struct {
	unit *unit // under the simulation's mu
}

// Wake implements Task.
func (t *simulatedTask) Wake() {
	s := t.unit.process.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	switch u := t.unit; {
	case u.process.dead:
	case u.inStep():
		u.woken = true
	default:
		s.queue(u)
	}
}

// inStep reports whether the unit has begun a step and not ended it.
func (u *unit) inStep() bool { return u.state == unitRunning || u.wakeUp != nil }

// Abandon implements Task. Where steps run on the caller's goroutine they always
// return, so that another one follows is all there is to do.
func (t *simulatedTask) Abandon() {
	s := t.unit.process.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	u := t.unit
	switch {
	case u.process.dead || u.state == unitEnded:
	case !u.inStep():
		s.queue(u)
	case !s.Goroutines:
		u.woken = true
	default:
		u.abandoned = true
		t.unit = &unit{process: u.process, name: u.name, step: u.step}
		s.queue(t.unit)
	}
}

// Stop implements Task. No step of another task is running, so there is nothing
// to wait for, unless the task's own sleeps: that is run to its end. It panics
// where it would hang in production: in the task's own step, and in another one
// while the task's sleeps.
func (t *simulatedTask) Stop() {
	s := t.unit.process.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	u := t.unit
	for u.wakeUp != nil && s.running == nil {
		s.begin(u)
		s.mu.Unlock()
		s.run(u)
		s.mu.Lock()
	}
	if u.inStep() {
		panic("environment: task " + u.name + " stops itself, or while it sleeps")
	}
	s.end(u)
}

// simulatedTransport has no network.
type simulatedTransport struct{}

var errNoNetwork = errors.New("environment: the simulation has no network")

func (simulatedTransport) Listen(context.Context, string, string) (net.Listener, error) {
	return nil, errNoNetwork
}

// simulatedRandom is the same for all processes.
type simulatedRandom struct{ simulation *Simulation }

func (r simulatedRandom) Uint64() uint64 {
	r.simulation.mu.Lock()
	defer r.simulation.mu.Unlock()
	return r.simulation.draws.Uint64()
}

func (r simulatedRandom) Read(p []byte) {
	var word [8]byte
	for len(p) > 0 {
		binary.BigEndian.PutUint64(word[:], r.Uint64())
		p = p[copy(p, word[:]):]
	}
}
