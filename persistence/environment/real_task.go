package environment

import (
	"sync"
	"sync/atomic"
)

// A realTask is a task with a goroutine of its own.
//
// The goroutine belongs to a runner. Abandon replaces the runner; the old one's
// state is then ended for good, so whatever its goroutine does when its step
// returns at last, it finds itself ended and goes away without touching the new
// one. That is why the state is the runner's and not the task's: with one state
// and a generation number in it, a late goroutine would have to be kept from
// parking the task under its successor.
type realTask struct {
	name    string
	step    func() (more bool)
	current atomic.Pointer[runner]

	mu      sync.Mutex // held to change current, and for stopped
	stopped bool
}

func startRealTask(name string, step func() bool) *realTask {
	t := &realTask{name: name, step: step}
	r := newRunner()
	t.current.Store(r)
	goNamed(name, func() { r.run(step) })
	return t
}

// Wake implements Task. A Wake that finds the task notified already only reads.
func (t *realTask) Wake() { t.current.Load().wake() }

// Abandon implements Task.
//
// A Wake at the same time may still reach the old runner. It is not lost: then
// the new runner has not been stored, so its first step is yet to come.
func (t *realTask) Abandon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.current.Load()
	old.end()
	old.release()
	if t.stopped {
		return
	}
	r := newRunner()
	t.current.Store(r)
	goNamed(t.name, func() { r.run(t.step) })
}

// Stop implements Task.
func (t *realTask) Stop() {
	t.mu.Lock()
	t.stopped = true
	r := t.current.Load()
	r.end()
	t.mu.Unlock()
	<-r.released
}

// runnerState is where a runner's goroutine is. Only ended is final:
//
//	notified ─► running ─► parked ─► notified
//	               └──────────────────▲        any ─► ended
type runnerState = uint32

const (
	notified runnerState = iota // has to run a step; the state at the beginning
	running                     // in a step, and no Wake since it began
	parked                      // waits for its token
	ended                       // must not begin another step
)

// A runner is one goroutine of a task.
type runner struct {
	state atomic.Uint32
	// token is sent by whoever takes the state out of parked: so at most one is
	// there, and the send does not block.
	token chan struct{}

	once     sync.Once
	released chan struct{} // closed when nobody has to wait for the goroutine
}

func newRunner() *runner {
	return &runner{token: make(chan struct{}, 1), released: make(chan struct{})}
}

func (r *runner) run(step func() (more bool)) {
	defer r.release() // also after a runtime.Goexit in the step
	for r.begin() {
		if step() {
			continue
		}
		if r.state.CompareAndSwap(running, parked) {
			<-r.token
		}
	}
}

// begin enters running unless the runner has ended.
func (r *runner) begin() bool { return r.leave(running) != ended }

func (r *runner) wake() {
	if r.leave(notified) == parked {
		r.token <- struct{}{}
	}
}

func (r *runner) end() {
	if r.leave(ended) == parked {
		r.token <- struct{}{}
	}
}

// leave changes the state and returns the one before. It keeps ended, and does
// not write if there is nothing to change.
func (r *runner) leave(next runnerState) (before runnerState) {
	for {
		before = r.state.Load()
		if before == next || before == ended || r.state.CompareAndSwap(before, next) {
			return before
		}
	}
}

func (r *runner) release() { r.once.Do(func() { close(r.released) }) }
