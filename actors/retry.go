package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// failed decides what becomes of a message whose invocation failed: it is tried
// again after a while, the address waiting meanwhile, or quarantined.
func (w *worker) failed(inv *invocation) {
	g := inv.grain
	g.attempts++
	inv.fn.metrics.failures.Add(1)
	if inv.givenUp.Load() {
		inv.err = errDeadline
	}
	if errors.Is(inv.err, functions.ErrPermanent) || g.attempts >= inv.fn.maxAttempts {
		w.quarantine(inv)
		return
	}
	delay := w.engine.opts.backoff(g.attempts)
	reason := fmt.Sprintf("attempt %d of %d failed: %v", g.attempts, inv.fn.maxAttempts, inv.err)
	g.busy(statusBackoff, reason, w.now+delay.Milliseconds())
	w.wakeLater(g, delay)
}

// backoff is the pause after a number of failed attempts.
func (o *Options) backoff(attempts int) time.Duration {
	d := o.FirstBackoff
	for range attempts - 1 {
		if d *= 2; d >= o.LastBackoff {
			return o.LastBackoff
		}
	}
	return d
}

// jitter spreads a pause, so that those who failed together do not come again
// together: it is at least half of it, and at most all.
func (e *Engine) jitter(d time.Duration) time.Duration {
	half := d / 2
	return d - time.Duration(e.env.Random.Uint64()%uint64(half+1))
}

// wakeLater makes the grain ready again, unless something else does so first.
func (w *worker) wakeLater(g *grain, d time.Duration) {
	epoch := g.epoch
	w.engine.env.Clock.AfterFunc(d, func() {
		w.post(func(w *worker) {
			if g.epoch == epoch {
				g.ready()
				w.pump(g)
			}
		})
	})
}
