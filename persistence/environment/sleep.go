package environment

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// Sleep suspends the step that calls it for d, as a slow disk does or a function
// that blocks: other tasks go on. Outside of the process's steps, and unless the
// simulation has Goroutines, it returns at once. The step must not hold a lock
// that others wait for. When the process dies it ends like with runtime.Goexit.
func (p *Process) Sleep(d time.Duration) {
	s := p.simulation
	s.mu.Lock()
	u := s.running
	if !s.Goroutines || u == nil || u.process != p || p.dead {
		s.mu.Unlock()
		return
	}
	u.state, u.wakeUp = unitAsleep, make(chan bool)
	p.asleep = append(p.asleep, u)
	s.schedule(u, d)
	s.running = nil
	s.mu.Unlock()
	u.outcome <- outcome{asleep: true}
	if alive := <-u.wakeUp; !alive {
		u.exits = true
		runtime.Goexit()
	}
}

// Asleep is how many of the process's steps sleep.
func (p *Process) Asleep() int {
	p.simulation.mu.Lock()
	defer p.simulation.mu.Unlock()
	return len(p.asleep)
}

// Exit ends the step that calls it with runtime.Goexit. Only code that runs as a
// step of a simulation with Goroutines may call it.
func (p *Process) Exit() {
	s := p.simulation
	s.mu.Lock()
	s.running.exits = true
	s.mu.Unlock()
	runtime.Goexit()
}

// outcome is how a step's goroutine gives the simulation back.
type outcome struct {
	asleep bool
	panic  any
	// exited says that the step has ended its goroutine unasked: a test that
	// fails does.
	exited bool
}

// carry runs a step, or the rest of one that slept, on the step's goroutine.
func (s *Simulation) carry(u *unit) {
	if u.wakeUp == nil {
		u.outcome = make(chan outcome)
		s.goroutine() <- u
	} else {
		s.mu.Lock()
		u.process.asleep = slices.DeleteFunc(u.process.asleep, func(o *unit) bool { return o == u })
		s.mu.Unlock()
		u.wakeUp <- true
	}
	switch o := <-u.outcome; {
	case o.panic != nil:
		panic(o.panic)
	case o.exited:
		runtime.Goexit()
	}
}

// goroutine returns the entrance of one that waits for a step.
func (s *Simulation) goroutine() chan<- *unit {
	if n := len(s.idle); n > 0 {
		steps := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return steps
	}
	steps := make(chan *unit)
	go func() {
		for u := range steps {
			s.carryOut(u, steps)
		}
	}()
	return steps
}

// carryOut runs a step. Unless it ends the goroutine, that is idle again.
func (s *Simulation) carryOut(u *unit, steps chan *unit) {
	more, returned := false, false
	defer func() {
		o := outcome{exited: !returned && !u.exits}
		if p := recover(); p != nil {
			o.panic = fmt.Sprintf("%v\n\nin a step of %s:\n%s", p, u.name, debug.Stack())
		}
		s.finish(u, more)
		if returned {
			s.idle = append(s.idle, steps)
		}
		u.outcome <- o
		if o.panic != nil {
			runtime.Goexit()
		}
	}()
	more = u.step()
	returned = true
}
