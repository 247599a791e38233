package actors

import (
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// After a few unclean starts in a row some message may be killing the process.
// Then every attempt is made durable before it begins, until the process has
// lived for a while: a message that was begun too often is quarantined.

func (g *grain) attemptKey() []byte {
	return persistence.AttemptKey(g.record.Group, g.record.Address)
}

// starts returns how often the address's next message was begun by processes
// that ended then.
func (e *Engine) starts(g *grain) (int, error) {
	v, ok, err := e.journal.Get(g.attemptKey())
	if err != nil || !ok || len(v) == 0 {
		return 0, err
	}
	return int(v[0]), nil
}

var errKills = errors.New("the process ended while it handled this message")

// mark makes an attempt durable, then begins it.
func (w *worker) mark(g *grain, m *persistence.Message) {
	w.keep(g, m)
	if g.starts >= g.fn.maxAttempts {
		inv := newInvocation(w)
		inv.begin(g, m, w.now)
		inv.err = functions.Permanent(fmt.Errorf("%w, %d times", errKills, g.starts))
		g.attempts, g.marked = g.starts, true
		w.quarantine(inv)
		g.starts = 0
		return
	}
	g.starts++
	g.busy(statusMarking, "its attempt is being made durable", 0)
	tx := w.stageEvent()
	tx.Rows = append(tx.Rows, persistence.Row{Key: g.attemptKey(), Value: []byte{byte(min(g.starts, 255))}})
	tx.Durable = append(tx.Durable, func() {
		w.post(func(w *worker) {
			g.marked = true
			g.ready()
			w.pump(g)
		})
	})
}
