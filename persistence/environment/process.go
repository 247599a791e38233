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
	dead        bool // under the simulation's mu
}

// Environment returns what the process takes from outside.
func (p *Process) Environment() *Environment { return &p.environment }

// Crash is the process's death: its tasks, functions and timers are dropped, and
// what it starts later never runs. A step that has called Crash goes on to its
// end. The files are not touched; a crash clone of them is for the next process.
func (p *Process) Crash() {
	s := p.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash(p)
}

func (s *Simulation) crash(p *Process) {
	p.dead = true
	s.dropTimers(p)
	for i := len(s.runnable) - 1; i >= 0; i-- {
		if u := s.runnable[i]; u.process == p {
			s.end(u)
		}
	}
}

// A unit is what a step belongs to: a task, or a function that runs once.
type unit struct {
	process *Process
	name    string
	step    func() (more bool)
	state   unitState
	index   int // among the runnable units, while queued
}

type unitState int

const (
	unitParked   unitState = iota
	unitQueued             // is among the runnable ones
	unitRunning            // is in its step
	unitNotified           // is in its step and has been woken
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

func (d simulatedDispatcher) start(u *unit) *unit {
	s := d.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.dead {
		u.state = unitEnded
	}
	s.queue(u)
	return u
}

// Wake implements Task.
func (u *unit) Wake() {
	s := u.process.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake(u)
}

func (s *Simulation) wake(u *unit) {
	switch {
	case u.process.dead:
		return
	case u.state == unitRunning:
		u.state = unitNotified
	default:
		s.queue(u)
	}
}

// Abandon implements Task. A simulated step always returns, so that another one
// follows is all there is to do.
func (u *unit) Abandon() { u.Wake() }

// Stop implements Task. No step of another task is running, so there is nothing
// to wait for. It panics in the task's own step, where it would hang in
// production.
func (u *unit) Stop() {
	s := u.process.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.state == unitRunning || u.state == unitNotified {
		panic("environment: task " + u.name + " stops itself")
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
