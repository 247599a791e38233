package actors

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// askFailed decides what becomes of messages whose request failed. Several are
// parted until it is clear which one it is. That one is tried again and in the end
// quarantined, unless it is the server that fails: then the address waits. counts says
// that it is not.
func (w *worker) askFailed(q *remoteRequest, err error, counts bool) {
	g, a := q.grain, q.grain.asking
	a.failures++
	g.fn.metrics.failures.Add(1)
	e, called := errors.AsType[*CallError](err)
	permanent := errors.Is(err, functions.ErrPermanent)
	switch {
	case len(q.messages) > 1 && (!called || !e.Unsent):
		a.suspects, a.limit = len(q.messages), len(q.messages)/2
		wait := w.engine.opts.FirstBackoff
		if called && e.Down {
			wait = w.engine.opts.backoff(a.failures)
		}
		w.askAgain(g, wait, e, fmt.Sprintf("a request with %d messages failed, they are tried in parts: %v", len(q.messages), err))
	case counts:
		g.attempts++
		if permanent || g.attempts >= g.fn.maxAttempts {
			w.quarantineAsked(q, err)
			return
		}
		w.askAgain(g, w.engine.opts.backoff(g.attempts), e, g.fn.attemptsText(g.attempts)+err.Error())
	default:
		if g.fn.health.goAway() {
			w.engine.opts.Logger.Warn("function server is away, its addresses wait", "function", string(g.fn.Type), "error", err)
		}
		w.askAgain(g, w.engine.opts.backoff(a.failures), e, "its function server is away: "+err.Error())
	}
}

func (f *function) attemptsText(n int) string {
	if f.maxAttempts == math.MaxInt {
		return fmt.Sprintf("attempt %d failed: ", n)
	}
	return fmt.Sprintf("attempt %d of %d failed: ", n, f.maxAttempts)
}

// askAgain lets the address wait, longer if the server wants it.
func (w *worker) askAgain(g *grain, wait time.Duration, e *CallError, reason string) {
	if e != nil {
		wait = max(wait, e.RetryAfter)
	}
	g.busy(statusBackoff, reason, w.now+wait.Milliseconds())
	w.wakeLater(g, wait)
}

// quarantineAsked sets aside the one message of a request.
func (w *worker) quarantineAsked(q *remoteRequest, err error) {
	g := q.grain
	inv := w.inline
	inv.begin(g, q.messages[0], w.now)
	inv.err = err
	w.quarantine(inv)
	g.asking.passed(1)
}
