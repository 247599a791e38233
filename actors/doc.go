// Package actors runs grains: it decides who runs when, on a journal that
// decides what is durable.
//
// # The way of a message
//
//	Engine.Send, a grain's Send, a timer ─► journal append ─► queue of the target's worker
//	    ─► directory (activate if absent) ─► grain ─► function ─► staged transaction ─► append …
//
// Every key group belongs to one worker, one loop per core. A worker owns the
// grains of its key groups, their state and their timers, and touches them
// without a lock; what comes from elsewhere comes through its queue. A grain is
// a Proto.Actor actor whose mailbox is a few words: its messages wait in the
// worker's queue, or with the grain while it is busy.
//
// Invariants:
//   - An address has at most one grain, and a grain at most one invocation.
//   - Messages of one sender to one address are invoked in sending order: a
//     queue is first in first out, and a grain's pending messages go before
//     what is still in the queue, through activation, spill and retry.
//   - A grain's memory is its appended (or staged) transactions; a failed
//     invocation leaves it untouched.
//   - A grain goes only when nothing is pending and its last batch is readable.
//   - Whoever lost the worker (Task.Abandon) touches nothing but its invocation.
package actors
