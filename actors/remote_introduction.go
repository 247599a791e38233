package actors

import (
	"sync"
	"sync/atomic"
)

// introduction is how the node gets to know a function type. Until its server has
// answered once, which may be with the states that it misses, one request goes
// alone: all others of the type would be sent back for the same. Those of other
// types do not wait.
type introduction struct {
	known atomic.Bool

	mu      sync.Mutex
	begun   bool // a request is under way
	waiting []waiter
}

// enter lets a grain ask, or has it wait until it may. first says that its request
// is the introduction: end must be called.
func (i *introduction) enter(x waiter) (ok, first bool) {
	if i.known.Load() {
		return true, false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.known.Load():
		return true, false
	case !i.begun:
		i.begun = true
		return true, true
	}
	i.waiting = append(i.waiting, x)
	return false, false
}

// end is told of the outcome. Those who waited try again: they all go, or one of
// them is the next introduction.
func (i *introduction) end(answered bool) {
	i.mu.Lock()
	i.begun = false
	if answered {
		i.known.Store(true)
	}
	waiting := i.waiting
	i.waiting = nil
	i.mu.Unlock()
	for _, x := range waiting {
		x.worker.post(func(w *worker) { w.wake(x) })
	}
}
