package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// invocation is one run of a function on one message, and the functions.Driver
// of that run. What the function does collects here; only complete makes it a
// transaction. A worker uses one invocation again and again, until one is taken
// away from it or runs on the pool.
type invocation struct {
	engine  *Engine
	worker  *worker
	grain   *grain
	fn      *function
	message *persistence.Message
	now     int64 // milliseconds since 1970, at its start

	effects effects
	err     error
	stack   []byte

	// owner is the worker's owner number while it runs there, 0 on the pool.
	// abandoned says that the worker went on without it; stop ends its watch.
	owner     uint64
	abandoned atomic.Bool
	started   time.Time     // when it was left alone
	took      time.Duration // since then
	stop      func()

	// ctx holds what only a function that asks for it, or one off the worker,
	// needs. givenUp says that the deadline has passed: from then on the driver
	// answers with nothing and takes nothing.
	ctx     invocationContext
	givenUp atomic.Bool
}

// effects are what an invocation has done so far.
type effects struct {
	writes  []write
	sends   []*persistence.Message
	rows    []persistence.Row
	clears  []persistence.KeyRange
	egress  []persistence.EgressRecord
	timers  []*timer
	removed []persistence.Row // timers and tokens that Cancel removed
	async   []asyncStart
	replies []reply
	bytes   int
}

// write is a state's cell as the invocation leaves it.
type write struct {
	place int
	cell  cell
}

func (e *effects) reset() {
	e.writes, e.sends, e.rows, e.clears = emptied(e.writes), emptied(e.sends), emptied(e.rows), emptied(e.clears)
	e.egress, e.timers, e.removed = emptied(e.egress), emptied(e.timers), emptied(e.removed)
	e.async, e.replies, e.bytes = emptied(e.async), emptied(e.replies), 0
}

// emptied is a slice to fill again that keeps nothing alive. Most are empty
// already, and then it costs nothing.
func emptied[T any](s []T) []T {
	if len(s) == 0 {
		return s
	}
	clear(s)
	return s[:0]
}

func newInvocation(w *worker) *invocation { return &invocation{engine: w.engine, worker: w} }

func (inv *invocation) begin(g *grain, m *persistence.Message, now int64) {
	inv.grain, inv.fn, inv.message, inv.now = g, g.fn, m, now
	inv.err, inv.stack = nil, nil
	inv.effects.reset()
	inv.ctx.reset()
}

var (
	errGoexit   = errors.New("the function ended its goroutine (runtime.Goexit)")
	errDeadline = errors.New("the function exceeded its deadline")
)

// run calls the function. Neither a panic nor runtime.Goexit gets past it
// unnoticed: both are errors of this invocation.
func (inv *invocation) run() {
	returned := false
	defer func() {
		if returned {
			return
		}
		if r := recover(); r != nil {
			inv.err, inv.stack = fmt.Errorf("panic: %v", r), debug.Stack()
			return
		}
		inv.err, inv.stack = errGoexit, debug.Stack()
		inv.worker.exited(inv)
	}()
	err := inv.invoke()
	returned = true
	if inv.err == nil {
		inv.err = err
	}
}

func (inv *invocation) invoke() error {
	if inv.message.Type == nudgeType {
		inv.expire()
		return nil
	}
	if native := inv.fn.native; native != nil {
		return native(inv, inv.message)
	}
	m := functions.Message{Type: inv.message.Type, Value: inv.message.Value}
	return inv.fn.Invoke(functions.NewContext(inv), m)
}

// runAlone runs the function on a goroutine of its own and hands the outcome to
// the worker. The deadline is kept there; on a worker the watchdog keeps it.
func (inv *invocation) runAlone() {
	clock := inv.engine.env.Clock
	inv.started = clock.Now()
	stop := inv.watch()
	inv.run()
	stop()
	inv.took = clock.Now().Sub(inv.started)
	if !errors.Is(inv.err, errGoexit) { // which run has reported itself
		inv.worker.post(func(w *worker) { w.finish(inv) })
	}
}

// watch gives the invocation up when its deadline passes.
func (inv *invocation) watch() (stop func()) {
	t := inv.engine.env.Clock.AfterFunc(inv.fn.deadline, func() {
		inv.givenUp.Store(true)
		inv.ctx.end(context.DeadlineExceeded)
	})
	return func() { t.Stop() }
}

// Fail implements functions.Driver.
func (inv *invocation) Fail(err error) {
	if inv.err == nil {
		inv.err = err
	}
}

// alive reports whether the invocation may still read and do anything.
func (inv *invocation) alive() bool {
	if !inv.givenUp.Load() {
		return true
	}
	inv.Fail(errDeadline)
	return false
}

// account keeps the transaction within its limits.
func (inv *invocation) account(messages, bytes int) bool {
	if !inv.alive() {
		return false
	}
	inv.effects.bytes += bytes
	o := &inv.engine.opts
	if n := len(inv.effects.sends) + len(inv.effects.timers) + len(inv.effects.egress) + messages; n > o.MaxSends {
		inv.Fail(functions.Permanent(fmt.Errorf("one invocation sends more than %d messages", o.MaxSends)))
		return false
	}
	if inv.effects.bytes > o.MaxTransactionBytes {
		inv.Fail(functions.Permanent(fmt.Errorf("one invocation's effects exceed %d bytes", o.MaxTransactionBytes)))
		return false
	}
	return true
}

// Self implements functions.Driver.
func (inv *invocation) Self() functions.Address { return inv.message.Target }

// Caller implements functions.Driver.
func (inv *invocation) Caller() functions.Address { return inv.message.Caller }

// Send implements functions.Driver.
func (inv *invocation) Send(to functions.Address, m functions.Message) {
	inv.sendAs(inv.message.Target, to, m)
}

func (inv *invocation) sendAs(caller, to functions.Address, m functions.Message) {
	if to.Type == replyType {
		inv.effects.replies = append(inv.effects.replies, reply{to.ID, Answer{Message: m}})
		return
	}
	if !inv.checkTarget(to) || !inv.account(1, 128+len(m.Value)) {
		return
	}
	inv.effects.sends = append(inv.effects.sends, &persistence.Message{
		Target: to, Caller: caller, Type: m.Type, Value: m.Value,
	})
}

func (inv *invocation) checkTarget(to functions.Address) bool {
	if !inv.engine.has(to.Type) {
		inv.Fail(functions.Permanent(unknownFunction(to.Type)))
		return false
	}
	return true
}

// Egress implements functions.Driver.
func (inv *invocation) Egress(id functions.TypeName, m functions.Message) {
	if !inv.engine.egresses[id] {
		inv.Fail(functions.Permanent(fmt.Errorf("unknown egress %s", id)))
		return
	}
	if inv.account(1, 64+len(m.Value)) {
		inv.effects.egress = append(inv.effects.egress, persistence.EgressRecord{
			Egress: id, Key: inv.message.Target.ID, Type: m.Type, Value: m.Value,
		})
	}
}

// Logger implements functions.Driver.
func (inv *invocation) Logger() *slog.Logger {
	return inv.engine.opts.Logger.With("function", string(inv.fn.Type), "id", inv.message.Target.ID)
}

// Count implements functions.Driver. Counters are no effects: they count
// attempts that fail, too.
func (inv *invocation) Count(name string, delta int64) {
	inv.engine.counters.add(inv.fn.Type, name, delta)
}

// Register implements functions.Driver.
func (inv *invocation) Register(spec *functions.StateSpec) error {
	if inv.fn.place(spec) >= 0 {
		return nil
	}
	return inv.engine.declare(inv.fn, spec)
}

// Deadline implements context.Context.
func (inv *invocation) Deadline() (time.Time, bool) {
	return time.UnixMilli(inv.now).Add(inv.fn.deadline), true
}

// Done implements context.Context.
func (inv *invocation) Done() <-chan struct{} { return inv.ctx.done() }

// Err implements context.Context.
func (inv *invocation) Err() error { return inv.ctx.error() }

// Value implements context.Context.
func (*invocation) Value(any) any { return nil }

// invocationContext is the part of a context.Context that costs something; it
// exists once somebody asks.
type invocationContext struct {
	mu   sync.Mutex
	ch   chan struct{}
	err  error
	used atomic.Bool
}

func (c *invocationContext) done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used.Store(true)
	if c.ch == nil {
		c.ch = make(chan struct{})
		if c.err != nil {
			close(c.ch)
		}
	}
	return c.ch
}

func (c *invocationContext) error() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *invocationContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used.Store(true)
	if c.err != nil {
		return
	}
	if c.err = err; c.ch != nil {
		close(c.ch)
	}
}

// reset ends what the last invocation gave out.
func (c *invocationContext) reset() {
	if c.used.Load() {
		c.end(context.Canceled)
		c.mu.Lock()
		c.ch, c.err = nil, nil
		c.mu.Unlock()
		c.used.Store(false)
	}
}
