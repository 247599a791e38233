package actors

import "github.com/statefun-go/statefun/persistence"

// spill moves an address's messages beyond its window from memory to disk, once
// they are durable and worth a chunk. Not while its inbox is being read: what was
// spilled then would be read as older than what waits in memory.
func (w *worker) spill(g *grain) {
	b := &g.inbox
	reading := g.status == statusLoading || g.status == statusRefill
	if reading || b.spilling || !w.engine.opts.window.worthSpilling(b) {
		return
	}
	if b.spillable == 0 {
		b.spillable, b.spillAfter = len(b.tail), w.engine.journal.Open()
	}
	if b.spillAfter > w.engine.journal.Durable() {
		return
	}
	b.spilling = true
	n, r := b.spillable, &g.record
	messages := append([]*persistence.Message(nil), b.tail[:n]...)
	w.engine.background("spill", func() {
		err := w.engine.journal.Spill(r, messages)
		w.post(func(w *worker) {
			if err != nil {
				w.engine.fail(err)
				return
			}
			w.spilled(g, n)
		})
	})
}

func (w *worker) spilled(g *grain, n int) {
	w.hold(g, func() { g.inbox.spilled(n) })
	w.pump(g)
}

// spilled drops the first n messages of the tail, which are on disk now.
func (b *inbox) spilled(n int) {
	kept := copy(b.tail, b.tail[n:])
	clear(b.tail[kept:])
	b.tail = b.tail[:kept]
	b.stored, b.spilling, b.spillable = true, false, 0
}

// refill brings the next messages of a grain into memory when its head ran dry.
func (w *worker) refill(g *grain) {
	b := &g.inbox
	if b.spilling {
		return // spilled goes on
	}
	b.spillable = 0
	if !b.stored {
		w.hold(g, func() { b.refill(nil, false, w.engine.opts.window) })
		w.pump(g)
		return
	}
	g.busy(statusRefill, "its next messages are being read from disk", 0)
	r, after := &g.record, b.last
	w.engine.background("refill", func() {
		messages, more, err := w.engine.journal.ReadInbox(r, after, false)
		w.post(func(w *worker) {
			if err != nil {
				w.engine.fail(err)
				return
			}
			w.hold(g, func() { b.refill(messages, more, w.engine.opts.window) })
			g.ready()
			w.pump(g)
		})
	})
}
