package actors

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// worker runs the grains of some key groups, one message at a time, on whatever
// goroutine owns it: its task's, or after a rescue the next one.
type worker struct {
	engine *Engine
	groups []persistence.KeyGroup
	shard  *persistence.Shard
	task   environment.Task
	queue  queue

	// Taken from the queue, up to next handled.
	messages []delivery
	next     int
	warmed   int    // up to which warm has been
	warmth   uint64 // of what it has read, so that it is not optimised away
	events   []func(*worker)
	now      int64 // milliseconds since 1970, at the start of the step

	directory directory
	props     *actor.Props // of its grains
	spawning  *grain
	toLoad    []*grain
	loads     int             // goroutines that read for it
	arrived   [][]loadedGrain // of them, to be taken
	resume    resume
	inline    *invocation // for runs on this worker
	recent    *recent
	timers    *timers

	staged   []*persistence.Transaction // to be appended, in order
	bytes    int                        // of staged
	round    uint64                     // counts appends
	free     []*persistence.Transaction
	appended persistence.BatchNumber // the last batch with something of ours

	// owner is twice the number of rescues, plus one while user code runs. Who
	// finds another number after user code has lost the worker.
	owner     atomic.Uint64
	handover  sync.Mutex    // held while the worker changes hands
	running   atomic.Uint64 // counts inline invocations, for the watchdog
	slowRun   atomic.Uint64 // the last of them that the watchdog found slow
	crowded   atomic.Bool   // goroutines had to wait for a processor then
	held      atomic.Int64  // messages that wait with grains
	heldBytes atomic.Int64  // of those
	toSpill   []*grain      // have messages to spill once they are durable
	askings   askings
	requests  requests
	spilling  atomic.Int64 // bytes of those, until they are on disk
	refilling int          // grains whose next messages are being read
	live      atomic.Int64 // grains
	// activations is how many there were, of grains.
	activations atomic.Uint64
	// wantsSync asks for a wake-up when a batch becomes durable.
	wantsSync atomic.Bool
}

// A worker appends what it staged at least this often.
const (
	stagedTransactions = 64
	stagedBytes        = 1 << 20
	stepMessages       = 1024
)

// post queues events. An event ends with whatever may run user code.
func (w *worker) post(events ...func(*worker)) {
	w.queue.post(events...)
	w.task.Wake()
}

// step is the worker's loop body.
func (w *worker) step() bool {
	owner := w.owner.Load()
	w.reclaim()
	w.now = w.engine.env.Clock.Now().UnixMilli()
	if !w.flush() {
		return false
	}
	if w.next == len(w.messages) && len(w.events) == 0 {
		clear(w.messages)
		w.messages, w.events = w.queue.take(w.messages, w.events[:0])
		w.next, w.warmed = 0, 0
	}
	for len(w.events) > 0 {
		if !w.flushMuch() {
			return false
		}
		ev := w.events[0]
		w.events[0] = nil
		w.events = w.events[1:]
		if ev(w); w.owner.Load() != owner {
			return false
		}
	}
	if !w.takeLoaded(owner) {
		return false
	}
	for range stepMessages {
		if w.next == len(w.messages) {
			break
		}
		if w.next == w.warmed {
			w.warm()
		}
		d := w.messages[w.next]
		w.next++
		if w.receive(d); w.owner.Load() != owner {
			return false
		}
		if !w.flushMuch() {
			return false
		}
	}
	w.wantsSync.Store(false)
	w.runTimers()
	more := w.resumeWaiting()
	w.spillDurable()
	w.load()
	w.engine.relieve()
	if !w.flush() {
		return false
	}
	w.askDurable()
	return more || w.next < len(w.messages) || !w.queue.empty()
}

// flush appends what is staged. If the batch is full it leaves it for the next
// step; the journal wakes the worker then.
func (w *worker) flush() bool {
	if len(w.staged) > 0 {
		n, err := w.shard.Append(w.staged...)
		if err != nil {
			return w.refused(err)
		}
		w.appended = n
		w.recent.settle(n)
		for i, tx := range w.staged {
			tx.Reset()
			w.free = append(w.free, tx)
			w.staged[i] = nil
		}
		w.staged, w.bytes = w.staged[:0], 0
		w.round++
	}
	w.recent.prune(w.engine.journal.Durable())
	return true
}

// flushMuch is flush if much is staged.
func (w *worker) flushMuch() bool {
	return len(w.staged) < stagedTransactions && w.bytes < stagedBytes || w.flush()
}

func (w *worker) refused(err error) bool {
	if !errors.Is(err, persistence.ErrFull) {
		w.engine.fail(err)
	}
	return false
}

// transaction returns an empty transaction to be staged.
func (w *worker) transaction() *persistence.Transaction {
	if n := len(w.free); n > 0 {
		tx := w.free[n-1]
		w.free = w.free[:n-1]
		return tx
	}
	return &persistence.Transaction{}
}

// stageEvent stages a transaction that belongs to no grain, to be filled in.
func (w *worker) stageEvent() *persistence.Transaction {
	tx := w.transaction()
	w.staged = append(w.staged, tx)
	return tx
}

// receive takes a message to its grain, and runs it if the grain is ready.
func (w *worker) receive(d delivery) {
	m := d.message
	g := w.directory.grains.find(d.hash, m.Target)
	if g == nil {
		g = w.activate(m.Target, d.hash)
	}
	g.used = true
	if g.status == statusReady && g.inbox.empty() && m.Sequence > g.inbox.newest {
		g.inbox.newest, g.inbox.last = m.Sequence, m.Sequence
		w.invoke(g, m)
		return
	}
	w.hold(g, func() { g.inbox.push(m, w.windowOf(g)) })
	w.spill(g)
}

// hold keeps count of the messages that wait with grains.
func (w *worker) hold(g *grain, change func()) {
	was, size := g.inbox.len(), g.inbox.size()
	change()
	w.held.Add(int64(g.inbox.len() - was))
	w.heldBytes.Add(int64(g.inbox.size() - size))
}

// pump runs a ready grain's waiting messages.
func (w *worker) pump(g *grain) {
	owner := w.owner.Load()
	for g.status == statusReady {
		m := g.inbox.peek()
		if m == nil {
			if !g.inbox.empty() {
				w.refill(g)
			}
			return
		}
		w.invoke(g, m)
		if w.owner.Load() != owner || g.status != statusReady {
			return
		}
		if !w.flushMuch() {
			// The batch is full: go on with this grain in the next step.
			w.post(func(w *worker) { w.pump(g) })
			return
		}
	}
}

// invoke runs the function on a message, here or on the pool, or has its server
// asked.
func (w *worker) invoke(g *grain, m *persistence.Message) {
	if g.fn.remote != nil && m.Type != nudgeType {
		w.keep(g, m)
		w.ask(g)
		return
	}
	if w.engine.careful.Load() && !g.marked {
		w.mark(g, m)
		return
	}
	if g.slowness.isAlone() || g.fn.blocking(w.now) {
		inv := newInvocation(w)
		inv.begin(g, m, w.now)
		g.busy(statusRunning, "its function is running", 0)
		w.keep(g, m)
		w.engine.pool.run(inv)
		return
	}
	inv := w.inline
	inv.begin(g, m, w.now)
	inv.owner = w.owner.Load() | 1
	w.running.Add(1)
	w.owner.Store(inv.owner)
	g.mailbox.invoker.InvokeUserMessage(inv)
	if !w.owner.CompareAndSwap(inv.owner, inv.owner-1) {
		w.lost(inv)
		return
	}
	if w.slowRun.Load() == w.running.Load() {
		w.wasSlow(inv)
	} else if g.slowness.marks != 0 {
		g.slowness.passed()
	}
	w.complete(inv)
}

// keep makes sure that the message stays first in the inbox until it is consumed.
func (w *worker) keep(g *grain, m *persistence.Message) {
	if g.inbox.peek() != m {
		w.hold(g, func() { g.inbox.prepend(m) })
	}
}

// finish takes the outcome of an invocation that ran off the worker.
func (w *worker) finish(inv *invocation) {
	g := inv.grain
	g.ready()
	w.judge(inv)
	switch {
	case inv.givenUp.Load():
		inv.err = errDeadline
	case inv.err == nil:
		inv.err = w.reclaimTokens(inv)
	}
	w.complete(inv)
	w.pump(g)
}

// complete makes the outcome of an invocation the grain's: a staged transaction,
// or a failed attempt.
func (w *worker) complete(inv *invocation) {
	if inv.err != nil {
		w.keep(inv.grain, inv.message)
		w.failed(inv)
		return
	}
	inv.fn.metrics.in.Add(1)
	w.stage(inv, inv.message)
}

// stage turns an invocation's effects into a transaction that consumes messages.
func (w *worker) stage(inv *invocation, messages ...*persistence.Message) {
	g, fx := inv.grain, &inv.effects
	for _, m := range messages {
		if g.inbox.peek() == m {
			w.hold(g, g.inbox.pop)
		}
	}
	g.attempts, g.starts, g.round = 0, 0, w.round
	tx := w.transaction()
	tx.Record = &g.record
	tx.Messages = append(tx.Messages, messages...)
	w.count(inv)
	// The transaction is empty: it gets what there is, and gives room for more.
	tx.Sends, fx.sends = fx.sends, tx.Sends
	tx.Rows, fx.rows = fx.rows, tx.Rows
	tx.Clears, fx.clears = fx.clears, tx.Clears
	tx.Egress, fx.egress = fx.egress, tx.Egress
	w.engine.sortPulled(tx.Egress)
	w.applyWrites(inv, tx)
	if g.marked {
		tx.Rows = append(tx.Rows, persistence.Row{Key: g.attemptKey(), Delete: true})
		g.marked = false
	}
	w.recent.add(tx.Rows)
	for _, t := range fx.timers {
		w.timers.add(t)
	}
	for _, r := range fx.removed {
		w.timers.cancel(g.record.Group, r.Key)
	}
	w.afterwards(fx, tx)
	w.staged = append(w.staged, tx)
	w.bytes += fx.bytes
}

func (w *worker) count(inv *invocation) {
	if n := len(inv.effects.sends); n > 0 {
		inv.fn.metrics.outLocal.Add(uint64(n))
	}
	if n := len(inv.effects.egress); n > 0 {
		inv.fn.metrics.outEgress.Add(uint64(n))
	}
}

// afterwards puts off what leaves the node until the transaction is durable.
func (w *worker) afterwards(fx *effects, tx *persistence.Transaction) {
	e := w.engine
	for _, a := range fx.async {
		tx.Durable = append(tx.Durable, func() { e.startAsync(a) })
	}
	for _, r := range fx.replies {
		tx.Durable = append(tx.Durable, func() { e.calls.answer(r.id, r.answer) })
	}
}

// applyWrites brings the grain's cells up to date and puts them, complete, into
// the transaction.
func (w *worker) applyWrites(inv *invocation, tx *persistence.Transaction) {
	g, states := inv.grain, *inv.fn.states.Load()
	for _, wr := range inv.effects.writes {
		g.grow(wr.place)
		w.storeLarge(g, states[wr.place].ID, g.cells[wr.place], wr.cell, tx)
		g.cells[wr.place] = wr.cell
	}
	isNudge := inv.message.Type == nudgeType
	next := int64(0)
	for i := range g.cells {
		c := &g.cells[i]
		if !c.present {
			continue
		}
		if c.expires != 0 {
			if states[i].spec.Mode == functions.ExpireAfterInvoke && !isNudge && c.expires > inv.now {
				c.expires = inv.now + states[i].spec.TTL.Milliseconds()
			}
			if next == 0 || c.expires < next {
				next = c.expires
			}
		}
		tx.Cells = append(tx.Cells, persistence.Cell{
			Spec: states[i].ID, Large: len(c.value) > persistence.LargeValue, Expires: c.expires, Value: c.value,
		})
	}
	tx.Cells = append(tx.Cells, g.extra...)
	if isNudge {
		w.nudged(g, inv.message, tx)
	}
	w.armNudge(g, next, tx)
	tx.Nudge = g.nudge
}

// storeLarge keeps the row of a value that does not fit into its record.
func (w *worker) storeLarge(g *grain, id persistence.SpecID, was, is cell, tx *persistence.Transaction) {
	wasLarge := was.present && len(was.value) > persistence.LargeValue
	isLarge := is.present && len(is.value) > persistence.LargeValue
	key := func() []byte { return persistence.LargeKey(g.record.Group, g.record.Address, id) }
	if isLarge {
		tx.Rows = append(tx.Rows, persistence.Row{Key: key(), Value: is.value})
	} else if wasLarge {
		tx.Rows = append(tx.Rows, persistence.Row{Key: key(), Delete: true})
	}
}

// reclaim is what the new owner does first after a rescue: the invocation that
// was left behind goes on alone.
func (w *worker) reclaim() {
	inv := w.inline
	if !inv.abandoned.Load() {
		return
	}
	w.inline = newInvocation(w)
	g := inv.grain
	g.busy(statusRunning, "its function is running", 0)
	w.keep(g, inv.message)
}
