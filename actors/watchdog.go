package actors

import (
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
)

// watchdog looks at the workers now and then, and takes a worker away from user
// code that does not return, so that its other grains go on. The code goes on
// alone and reports through the queue.
type watchdog struct {
	engine *Engine
	timer  environment.Timer
	seen   []uint64 // what each worker was running at the last look
}

// patience is how long user code may keep a worker: between one and two of these.
const patience = 4 * time.Millisecond

func (d *watchdog) start() {
	d.seen = make([]uint64, len(d.engine.workers))
	d.next()
}

func (d *watchdog) next() {
	d.engine.lock.Lock()
	defer d.engine.lock.Unlock()
	if d.engine.closing {
		return
	}
	d.timer = d.engine.env.Clock.AfterFunc(patience, func() {
		d.look()
		d.next()
	})
}

func (d *watchdog) look() {
	for i, w := range d.engine.workers {
		owner, running := w.owner.Load(), w.running.Load()
		if owner&1 == 1 && running == d.seen[i] {
			w.rescue(owner)
		}
		d.seen[i] = running
	}
}

// rescue takes the worker away from the code that runs on it.
func (w *worker) rescue(owner uint64) {
	w.handover.Lock()
	defer w.handover.Unlock()
	inv := w.inline
	if w.owner.CompareAndSwap(owner, owner+1) {
		w.leave(inv)
	} // else it came back just now
}

// leave makes a fresh goroutine go on with the worker, without the invocation.
// It is called with handover held.
func (w *worker) leave(inv *invocation) {
	e := w.engine
	e.alone.Add(1)
	inv.started = e.env.Clock.Now()
	inv.stop = inv.watch()
	inv.abandoned.Store(true)
	w.task.Abandon()
}

// lost is the end of an invocation that comes back and finds that its worker
// went on without it. The goroutine must not return to the task before the task
// has given it up.
func (w *worker) lost(inv *invocation) {
	w.handover.Lock()
	inv.stop()
	w.handover.Unlock()
	w.post(func(w *worker) { w.finish(inv) })
	w.engine.alone.Add(-1)
}

// exited is told by an invocation whose goroutine is ending (runtime.Goexit).
func (w *worker) exited(inv *invocation) {
	if inv.owner == 0 { // it ran on the pool
		w.post(func(w *worker) { w.finish(inv) })
		return
	}
	w.handover.Lock()
	if w.owner.CompareAndSwap(inv.owner, inv.owner+1) {
		w.leave(inv)
	}
	w.handover.Unlock()
	w.lost(inv)
}
