package plainhttp

import (
	"context"
	"sync/atomic"
	"time"
)

// phase is what a connection waits for.
type phase int64

const (
	first     phase = iota // request, of a new connection
	idle                   // the next request
	answering              // the handler
	peeking                // the handler, and whether the client goes away
	writing                // the client
	over                   // nothing: it ends
)

// watch ends what takes too long. One timer for each connection looks now and then:
// deadlines for each request, and a goroutine that waits for its client to go away, would
// cost more than reading it.
//
// The connection changes the phase, and the timer if it has not changed meanwhile. An
// answering connection that the timer has made a peeking one waits for the end of that
// before it goes on.
type watch struct {
	conn  *conn
	since atomic.Int64 // when the phase began, in nanoseconds of this process, and the phase
	timer *time.Timer
	every time.Duration
	peek  chan struct{} // closed at the end of peeking
}

const phaseBits = 3

// epoch is where nanoseconds are counted from.
var epoch = time.Now()

func stamp(p phase, now time.Time) int64 { return int64(now.Sub(epoch))<<phaseBits | int64(p) }

func phaseOf(since int64) phase { return phase(since & (1<<phaseBits - 1)) }

func (w *watch) begin(c *conn) {
	o := &c.listener.opts
	w.conn = c
	w.every = max(time.Millisecond, min(o.FirstTimeout, o.IdleTimeout, o.AnswerTimeout, o.WriteTimeout)/2)
	w.since.Store(stamp(first, time.Now()))
	w.timer = time.AfterFunc(time.Hour, w.look) // not before it is known
	w.timer.Reset(w.every)
}

// enter begins a phase; false says that the connection is over.
func (w *watch) enter(p phase, now time.Time) bool {
	last := w.since.Load()
	return phaseOf(last) != over && w.since.CompareAndSwap(last, stamp(p, now))
}

// answered begins writing. It returns the end of peeking, if that was begun.
func (w *watch) answered(now time.Time) chan struct{} {
	if last := w.since.Swap(stamp(writing, now)); phaseOf(last) == peeking {
		return w.peek
	}
	return nil
}

// end stops watching; false says that the connection is over.
func (w *watch) end() bool {
	last := w.since.Swap(int64(over))
	w.timer.Stop()
	return phaseOf(last) != over
}

// look ends the connection, or the context of its request, if it is late.
func (w *watch) look() {
	o := &w.conn.listener.opts
	since := w.since.Load()
	p := phaseOf(since)
	limit := [...]time.Duration{first: o.FirstTimeout, idle: o.IdleTimeout, answering: o.AnswerTimeout, peeking: o.AnswerTimeout, writing: o.WriteTimeout}
	switch {
	case p == over:
		return
	case p == answering && w.mayPeek(since):
		go w.conn.peek(w.peek)
	case time.Since(epoch)-time.Duration(since>>phaseBits) < limit[p]:
	case p == answering, p == peeking:
		w.conn.cancel(context.DeadlineExceeded)
	case w.since.CompareAndSwap(since, int64(over)):
		_ = w.conn.Conn.Close() // which ends what it waits for
		return
	}
	w.timer.Reset(w.every)
}

// mayPeek makes an answering connection a peeking one.
func (w *watch) mayPeek(since int64) bool {
	w.peek = make(chan struct{})
	return w.since.CompareAndSwap(since, since&^(1<<phaseBits-1)|int64(peeking))
}
