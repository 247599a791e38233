package actors

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// askFailed decides what becomes of messages whose request failed. If they are at
// fault, several are parted until it is clear which one it is. That one is tried again and
// in the end quarantined. If it is the server, the address waits.
func (w *worker) askFailed(q *remoteRequest, err error, v verdict) {
	g, a := q.grain, q.grain.asking
	if !errors.Is(err, errHeld) {
		a.failures++
		g.fn.metrics.failures.Add(1)
	}
	f := faultOf(err)
	switch n := len(q.messages); {
	case !v.blame:
		w.askAgain(g, w.engine.opts.backoff(max(1, a.failures)), f, v, "its function server is away: "+err.Error())
	case f.Invocation > 1 && f.Invocation <= n:
		// Those before it go first, then it goes alone.
		a.suspects, a.limit = f.Invocation, f.Invocation-1
		w.askAgain(g, w.engine.opts.FirstBackoff, f, v, fmt.Sprintf("message %d of a request with %d failed, those before it go first: %v", f.Invocation, n, err))
	case n > 1 && f.Invocation != 1:
		a.suspects, a.limit = n, n/2
		w.askAgain(g, w.engine.opts.FirstBackoff, f, v, fmt.Sprintf("a request with %d messages failed, they are tried in parts: %v", n, err))
	default:
		w.attemptFailed(q, err, v)
	}
}

// attemptFailed counts an attempt at the first message of a request.
func (w *worker) attemptFailed(q *remoteRequest, err error, v verdict) {
	g, f := q.grain, faultOf(err)
	g.attempts++
	most := g.fn.maxAttempts
	if f.MaxAttempts > 0 && g.fn.remote.MaxAttempts == 0 {
		most = f.MaxAttempts
	}
	if isPermanent(err) || g.attempts >= most {
		w.quarantineAsked(q, err)
		return
	}
	w.askAgain(g, w.engine.opts.backoff(g.attempts), f, v, attemptText(g.attempts, most)+err.Error())
}

func attemptText(n, most int) string {
	if most == math.MaxInt {
		return fmt.Sprintf("attempt %d failed: ", n)
	}
	return fmt.Sprintf("attempt %d of %d failed: ", n, most)
}

// askAgain lets the address wait: in the line of its server, or for a time, longer if
// the server wants it.
func (w *worker) askAgain(g *grain, wait time.Duration, f *CallError, v verdict, reason string) {
	if v.line {
		g.busy(statusBackoff, reason, 0)
		g.fn.server.queue(waiter{w, g, g.epoch})
		return
	}
	wait = max(w.engine.jitter(wait), f.RetryAfter)
	g.busy(statusBackoff, reason, w.now+wait.Milliseconds())
	w.wakeLater(g, wait)
}

// quarantineAsked sets aside the first message of a request.
func (w *worker) quarantineAsked(q *remoteRequest, err error) {
	g := q.grain
	inv := w.inline
	inv.begin(g, q.messages[0], w.now)
	inv.err = err
	w.quarantine(inv)
	g.asking.passed(1)
}

// faultOf is what a Caller says of a failure: nothing, if it does not.
func faultOf(err error) *CallError {
	if f, ok := errors.AsType[*CallError](err); ok {
		return f
	}
	return &CallError{}
}

func isPermanent(err error) bool { return errors.Is(err, functions.ErrPermanent) }
