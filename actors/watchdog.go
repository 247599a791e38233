package actors

import (
	"runtime"
	"time"
)

// watchdog looks at the workers now and then, and takes a worker away from user
// code that does not return, so that its other grains go on. The code goes on
// alone and reports through the queue.
type watchdog struct {
	engine *Engine
	seen   []looks // by worker
}

// A worker is taken away from an invocation that was running at some looks in a
// row: a few when there is processor time to spare, more when there is none,
// since then the invocation may only be waiting for its turn.
const (
	lookEvery   = 5 * time.Millisecond
	lookRarely  = 50 * time.Millisecond // while nothing runs
	rescueAt    = 32                    // 40 ms, or 160 ms
	lookIdle    = 4
	lookCrowded = 1
	crowded     = time.Millisecond
	surelySlow  = 4 * lookEvery // after the worker was taken away
)

// looks is what the watchdog has seen of a worker.
type looks struct {
	running uint64 // the invocation that ran at the last look
	score   int    // of the looks at it
}

func (d *watchdog) start() {
	d.seen = make([]looks, len(d.engine.workers))
	d.engine.later("watchdog", lookEvery, d.look)
}

// look returns when to look again: an idle node is not worth many looks.
func (d *watchdog) look() time.Duration {
	next, weight := lookRarely, lookIdle
	if d.isCrowded() {
		weight = lookCrowded
	}
	for i, w := range d.engine.workers {
		owner, running := w.owner.Load(), w.running.Load()
		seen := &d.seen[i]
		if running != seen.running || owner&1 == 1 {
			next = lookEvery
		}
		if owner&1 == 0 || running != seen.running {
			*seen = looks{running: running}
			continue
		}
		seen.score += weight
		w.crowded.Store(weight == lookCrowded)
		w.slowRun.Store(running)
		if seen.score >= rescueAt {
			w.rescue(owner)
		}
	}
	return next
}

// isCrowded reports whether goroutines have to wait for a processor.
func (d *watchdog) isCrowded() bool {
	began := d.engine.env.Clock.Now()
	runtime.Gosched() // to the end of the queue, and back
	return d.engine.env.Clock.Now().Sub(began) > crowded
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
	now := w.engine.env.Clock.Now()
	if inv.took = now.Sub(inv.started); inv.took > surelySlow {
		inv.fn.noteSlowAddress(now.UnixMilli()) // at once: the worker may be held up again
	}
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

// wasSlow is told of an invocation that the watchdog has seen at two looks.
func (w *worker) wasSlow(inv *invocation) {
	if inv.grain.slowness.mark() {
		inv.fn.noteSlowAddress(w.now)
	}
	if !w.crowded.Load() {
		inv.fn.noteSluggish(w.now)
	}
}

// judge is told of an invocation that ended off the worker. One that the worker
// was taken away from, and that went on for a while, was slow for sure: not only
// its thread was.
func (w *worker) judge(inv *invocation) {
	s := &inv.grain.slowness
	switch {
	case s.isAlone():
		s.ran(inv.took)
	case inv.abandoned.Load() && inv.took > surelySlow:
		s.seclude()
	}
}
