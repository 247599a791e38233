package functionstest

import (
	"context"
	"fmt"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// task is something that waits to be delivered: a message or, if work is set, the
// outcome of work that is yet to run.
type task struct {
	from, to functions.Address
	message  functions.Message

	operation string
	metadata  functions.Message
	work      functions.AsyncWork
}

// timer is a delayed message.
type timer struct {
	due   time.Time
	task  task
	token string
}

// maxDeliveries bounds one Advance, since functions may send in circles.
const maxDeliveries = 10_000

// Advance moves the clock by d and delivers, in order, what arrives meanwhile at
// the function under test: first messages that it sent to its own type and the
// results of its asynchronous work, which runs now; then delayed messages, each
// at its due time, with all that follows from it. It returns what the
// invocations did. If one of them fails, so does the test.
//
// Advance(0) delivers what is due already.
func (k *Kit) Advance(d time.Duration) Effects {
	k.t.Helper()
	if d < 0 {
		k.t.Fatalf("functionstest: Advance by %v: the clock does not go back", d)
	}
	var all Effects
	end := k.now.Add(d)
	for n := 0; ; n++ {
		next, ok := k.next(end)
		if !ok {
			break
		}
		if n == maxDeliveries {
			k.t.Fatalf("functionstest: Advance made %d deliveries and more are waiting: do messages go in circles?", n)
		}
		all.add(k.deliver(next))
	}
	k.now = end
	return all
}

// Crash ends all asynchronous work that has not run yet, as the crash of a node
// does: the next Advance delivers functions.AsyncUnknown. Everything else is
// durable.
func (k *Kit) Crash() {
	for i, t := range k.queue {
		if t.work != nil {
			lost := functions.UnknownAsyncResult(t.operation, t.metadata)
			k.queue[i] = task{from: t.from, to: t.to, message: lost.Message()}
		}
	}
}

// Pending returns the delayed messages that have neither come due nor been
// cancelled, the next one first. After is what is left of their delays.
func (k *Kit) Pending() []Delayed {
	var out []Delayed
	for _, t := range k.timers {
		out = append(out, Delayed{t.due.Sub(k.now), t.task.to, t.task.message, t.token})
	}
	return out
}

// next takes out what is to be delivered next, moving the clock up to end if
// need be.
func (k *Kit) next(end time.Time) (task, bool) {
	if len(k.queue) > 0 {
		t := k.queue[0]
		k.queue = k.queue[1:]
		return t, true
	}
	if len(k.timers) == 0 || k.timers[0].due.After(end) {
		return task{}, false
	}
	t := k.timers[0]
	k.timers = k.timers[1:]
	k.now = t.due
	return t.task, true
}

func (k *Kit) deliver(t task) Effects {
	k.t.Helper()
	if t.work != nil {
		t.message = t.outcome().Message()
	}
	if t.to.Type != k.fn.Type {
		eff := Effects{Sent: []Sent{{t.to, t.message}}}
		k.effects.add(eff)
		return eff
	}
	return k.Invoke(t.to.ID, t.message, Caller(t.from))
}

// outcome runs the work. A panic is a failure of the work.
func (t task) outcome() (r functions.AsyncResult) {
	defer func() {
		if p := recover(); p != nil {
			r = functions.NewAsyncResult(t.operation, t.metadata, functions.Message{}, fmt.Errorf("panic: %v", p))
		}
	}()
	value, err := t.work(context.Background())
	return functions.NewAsyncResult(t.operation, t.metadata, value, err)
}
