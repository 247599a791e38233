package actors

import (
	"context"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// Purged says what a purge removed, or would remove.
type Purged struct {
	Addresses int `json:"addresses"`
	States    int `json:"states"`
	Messages  int `json:"messages"` // waiting in memory; those on disk are not counted
	Timers    int `json:"timers"`
}

// Purge removes all state, timers and waiting messages of an address, in one
// transaction. It waits for an invocation that is running.
func (e *Engine) Purge(ctx context.Context, a functions.Address, dry bool) (Purged, error) {
	if err := a.Validate(); err != nil {
		return Purged{}, err
	}
	if !e.has(a.Type) && !e.known(a) {
		return Purged{}, unknownFunction(a.Type)
	}
	timers, err := e.timersOf(a)
	if err != nil {
		return Purged{}, err
	}
	type outcome struct {
		purged Purged
		err    error
	}
	ch := make(chan outcome, 1)
	w := e.workers[e.workerOf[e.journal.Group(a.ID)]]
	w.purgeWhenIdle(ctx, a, func(g *grain) {
		p, done, err := w.purge(g, timers, dry)
		if err != nil || dry {
			ch <- outcome{p, err}
			return
		}
		done.Durable = append(done.Durable, func() { ch <- outcome{p, nil} })
	})
	select {
	case o := <-ch:
		return o.purged, o.err
	case <-e.halted:
		return Purged{}, e.journal.Err()
	case <-e.stopped:
		return Purged{}, ErrClosed
	case <-ctx.Done():
		return Purged{}, ctx.Err()
	}
}

// PurgeType purges every address of a function type that has state or waiting
// messages.
func (e *Engine) PurgeType(ctx context.Context, t functions.TypeName, dry bool) (Purged, error) {
	var total Purged
	for g := range e.opts.KeyGroups {
		addresses, err := e.addressesOf(t, persistence.KeyGroup(g))
		if err != nil {
			return total, err
		}
		for _, a := range addresses {
			p, err := e.Purge(ctx, a, dry)
			if err != nil {
				return total, err
			}
			total.Addresses += p.Addresses
			total.States += p.States
			total.Messages += p.Messages
			total.Timers += p.Timers
		}
	}
	if total.Addresses == 0 && !e.has(t) {
		return total, unknownFunction(t)
	}
	return total, nil
}

// known reports whether the journal has state of an address, though its function
// may be gone.
func (e *Engine) known(a functions.Address) bool {
	states, err := e.State(a)
	return err == nil && len(states) > 0
}

func (e *Engine) addressesOf(t functions.TypeName, g persistence.KeyGroup) ([]functions.Address, error) {
	var out []functions.Address
	err := e.journal.Addresses(g, func(a functions.Address) bool {
		if a.Type == t {
			out = append(out, a)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	w := e.workers[e.workerOf[g]]
	ch := make(chan []functions.Address, 1)
	w.post(func(w *worker) {
		var live []functions.Address
		w.directory.live(func(grain *grain) {
			if a := grain.address(); a.Type == t && grain.record.Group == g && !grain.inbox.empty() {
				live = append(live, a)
			}
		})
		ch <- live
	})
	select {
	case live := <-ch:
		for _, a := range live {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
		return out, nil
	case <-e.halted:
		return nil, e.journal.Err()
	case <-e.stopped:
		return nil, ErrClosed
	}
}

// timersOf returns the timers that an address has set.
func (e *Engine) timersOf(a functions.Address) ([]*timer, error) {
	var out []*timer
	var inner error
	err := e.journal.ScanAll(persistence.TimerRange(e.journal.Group(a.ID)), func(row persistence.Row) bool {
		t, err := decodeTimer(row, nil)
		if err != nil {
			inner = err
			return false
		}
		if t.message.Caller == a || t.message.Type == nudgeType && t.message.Target == a {
			out = append(out, t)
		}
		return true
	})
	if err == nil {
		err = inner
	}
	return out, err
}

// purgeWhenIdle calls f on the worker when nothing of the address is under way.
func (w *worker) purgeWhenIdle(ctx context.Context, a functions.Address, f func(*grain)) {
	w.post(func(w *worker) { w.callWhenIdle(ctx, w.grain(a), f) })
}

// callWhenIdle keeps the grain until its turn has come: where few may live, it
// would be passivated whenever it has just been loaded.
func (w *worker) callWhenIdle(ctx context.Context, g *grain, f func(*grain)) {
	if (g.status == statusReady || g.status == statusBackoff || g.status == statusDamaged) && !g.inbox.spilling {
		f(g)
		return
	}
	g.pins++
	w.engine.env.Clock.AfterFunc(time.Millisecond, func() {
		w.post(func(w *worker) {
			g.pins--
			if ctx.Err() == nil {
				w.callWhenIdle(ctx, g, f)
			}
		})
	})
}

// purge stages the transaction that removes everything of an idle grain.
func (w *worker) purge(g *grain, timers []*timer, dry bool) (p Purged, tx *persistence.Transaction, err error) {
	j := w.engine.journal
	messages := slices.Concat(g.inbox.head[g.inbox.first:], g.inbox.tail)
	p = Purged{Addresses: 1, States: len(g.snapshot()) + len(g.extra), Messages: len(messages), Timers: len(timers)}
	if dry {
		return p, nil, nil
	}
	chunks, recovered, err := j.DropInbox(&g.record)
	if err != nil {
		return p, nil, err
	}
	tx = w.stageEvent()
	tx.Record = &g.record
	tx.Messages = append(append(tx.Messages, messages...), recovered...)
	slices.SortFunc(tx.Messages, func(a, b *persistence.Message) int { return int(int64(a.Sequence) - int64(b.Sequence)) })
	tx.Skip, tx.Chunks = g.inbox.newest, append(tx.Chunks, chunks...)
	w.purgeState(g, tx)
	for _, t := range timers {
		tx.Rows = append(tx.Rows, persistence.Row{Key: t.key(), Delete: true})
		if t.token != "" {
			tx.Rows = append(tx.Rows, persistence.Row{Key: persistence.TokenKey(t.group, g.record.Address.ID, t.token), Delete: true})
		}
		w.timers.cancel(t.group, t.key())
	}
	w.recent.add(tx.Rows)
	newest, last := g.inbox.newest, g.inbox.last
	w.unmark(&g.inbox)
	w.hold(g, func() { g.inbox = g.inbox.reuse() })
	g.inbox.newest, g.inbox.last = newest, max(last, newest)
	g.nudge, g.attempts, g.starts, g.round = 0, 0, 0, w.round
	w.giveUpTurn(g)
	g.asking = nil
	g.ready()
	return p, tx, nil
}

// purgeState empties the cells and removes what they refer to.
func (w *worker) purgeState(g *grain, tx *persistence.Transaction) {
	states, r := *g.fn.states.Load(), &g.record
	drop := func(id persistence.SpecID, kind functions.StateKind, value []byte) {
		if kind == functions.KindValue {
			if len(value) > persistence.LargeValue {
				tx.Rows = append(tx.Rows, persistence.Row{Key: persistence.LargeKey(r.Group, r.Address, id), Delete: true})
			}
			return
		}
		if e, ok := decodeEntries(value); ok {
			prefix := persistence.EntryPrefix(r.Group, r.Address, id, e.generation)
			tx.Clears = append(tx.Clears, persistence.PrefixRange(prefix))
		}
	}
	for i, c := range g.cells {
		if c.present {
			drop(states[i].ID, states[i].Kind, c.value)
		}
		g.cells[i] = cell{}
	}
	for _, c := range g.extra {
		if s, ok := w.engine.journal.SpecByID(c.Spec); ok {
			drop(c.Spec, s.Kind, c.Value)
		}
	}
	g.extra = nil
	tx.Rows = append(tx.Rows, persistence.Row{Key: g.attemptKey(), Delete: true})
}
