package actors

import (
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
)

// Where the simulated node takes its time, while others go on.

// delay suspends the running step for a moment, if chance wills it so.
func (s *simulation) delay(p *environment.Process) {
	if s.disk.slow == 0 || s.rng.IntN(100) >= s.disk.slow {
		return
	}
	was := s.preemptible
	s.preemptible = false
	p.Sleep(10 * time.Microsecond << s.rng.IntN(14))
	s.preemptible = was
}

// delayingDispatcher starts functions late, such as reads and spills, knows how
// many are under way, and marks the tasks that may be preempted.
type delayingDispatcher struct {
	environment.Dispatcher
	s       *simulation
	process *environment.Process
}

func (d delayingDispatcher) Go(name string, f func()) {
	d.s.alone++
	d.Dispatcher.Go(name, func() {
		defer func() {
			if d.process == d.s.process {
				d.s.alone--
			}
		}()
		d.s.delay(d.process)
		f()
	})
}

func (d delayingDispatcher) Start(name string, step func() bool) environment.Task {
	if name != "commit" && name != "materialize" {
		return d.Dispatcher.Start(name, step)
	}
	return d.Dispatcher.Start(name, func() bool {
		d.s.preemptible = true
		defer func() { d.s.preemptible = false }()
		return step()
	})
}

// preemptingClock suspends the committer and the materializer where they look at
// the clock, which they do without a lock: between sealing a batch and writing
// it, for one.
type preemptingClock struct {
	environment.Clock
	s       *simulation
	process *environment.Process
}

func (c preemptingClock) Now() time.Time {
	if c.s.preemptible {
		c.s.delay(c.process)
	}
	return c.Clock.Now()
}
