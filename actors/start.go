package actors

import (
	"time"

	"github.com/statefun-go/statefun/persistence"
)

// A start is unclean if the process before did not close. The count of those in
// a row is journaled, and forgotten once a process has lived for a while.

var uncleanKey = persistence.MetaKey("unclean starts")

// livedAWhile is when a process has shown that it is not being killed by one of
// its messages.
const livedAWhile = time.Minute

func (e *Engine) countStart() error {
	v, _, err := e.journal.Get(uncleanKey)
	if err != nil {
		return err
	}
	n := 0
	if len(v) > 0 {
		n = int(v[0])
	}
	e.careful.Store(n >= e.opts.UncleanStarts)
	if e.careful.Load() {
		e.opts.Logger.Warn("the node did not stop cleanly several times in a row: attempts are made durable before they begin", "starts", n)
	}
	e.noteStarts(min(n+1, 255))
	e.lock.Lock()
	defer e.lock.Unlock()
	e.timers["lived"] = e.env.Clock.AfterFunc(livedAWhile, func() {
		e.careful.Store(false)
		e.noteStarts(0)
	})
	return nil
}

func (e *Engine) noteStarts(n int) {
	tx := &persistence.Transaction{Rows: []persistence.Row{{Key: uncleanKey, Value: []byte{byte(n)}}}}
	if err := e.journal.Outside().AppendNow(tx); err != nil {
		e.opts.Logger.Debug("unclean starts not noted", "error", err)
	}
}
