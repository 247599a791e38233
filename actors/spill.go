package actors

import "github.com/statefun-go/statefun/persistence"

// heldBudget is what the messages that wait with all grains of a node take in
// memory before the windows of their inboxes shrink.
const heldBudget = 32 << 20

// window is what the inbox of one of the worker's grains may hold now. It shrinks
// to a quarter for each time that what all hold exceeds the budget.
func (w *worker) window() window {
	o := w.engine.opts.window
	if n := w.heldBytes.Load() / (heldBudget / int64(len(w.engine.workers))); n > 0 {
		shift := 2 * min(n, 16)
		o.messages, o.bytes = max(1, o.messages>>shift), max(1, o.bytes>>shift)
	}
	return o
}

// Reading so many messages from disk at a time is worth its while; a read costs as much
// as handling some. Few are still worth it.
const (
	readMessages      = 64
	leastReadMessages = 16
)

// readFew is how many messages are read at a time where they wait: less than readMessages
// while memory is short.
func (w *worker) readFew() int {
	return min(readMessages, max(leastReadMessages, w.window().messages/16))
}

// Of an address that waits for another attempt, or for its server, no more is in
// memory than it takes to go on: many that wait together, and for long, are not to shrink
// the windows of those that work.
const (
	waitingMessages = 8
	waitingBytes    = 2 << 10
)

// windowOf is the window of a grain's inbox.
func (w *worker) windowOf(g *grain) window {
	o := w.window()
	if g.status == statusBackoff {
		o.messages, o.bytes = min(o.messages, waitingMessages), min(o.bytes, waitingBytes)
	}
	return o
}

// spill marks an address's messages beyond its window for the way from memory to
// disk, if they are worth a chunk. Not while its inbox is being read: what was
// spilled then would be read as older than what waits in memory.
func (w *worker) spill(g *grain) {
	b := &g.inbox
	if b.spilling || b.spillable > 0 || g.isReading() || !w.windowOf(g).worthSpilling(b) {
		return
	}
	b.spillable, b.spillAfter, b.marked = len(b.tail), w.engine.journal.Open(), b.tailBytes
	w.toSpill = append(w.toSpill, g)
	w.spilling.Add(int64(b.marked))
}

// unmark forgets what spill has marked.
func (w *worker) unmark(b *inbox) {
	w.spilling.Add(-int64(b.marked))
	b.spillable, b.marked = 0, 0
}

func (g *grain) isReading() bool { return g.status == statusLoading || g.status == statusRefill }

// maxSpillTogether bounds what is spilled in one write.
const maxSpillTogether = 4 << 20

// spillDurable writes what is marked and durable by now, off the worker: all
// grains' together. It asks to be woken while some of it is not durable.
func (w *worker) spillDurable() {
	if len(w.toSpill) == 0 {
		return
	}
	w.wantsSync.Store(true) // before the look, so that no batch is missed
	durable := w.engine.journal.Durable()
	for len(w.toSpill) > 0 && w.toSpill[0].inbox.spillAfter <= durable {
		var all []persistence.Spilling
		var grains []*grain
		for size := 0; len(w.toSpill) > 0 && w.toSpill[0].inbox.spillAfter <= durable && size < maxSpillTogether; {
			g := w.toSpill[0]
			w.toSpill[0] = nil
			w.toSpill = w.toSpill[1:]
			b := &g.inbox
			if b.spilling || b.spillable == 0 || g.isReading() {
				continue // it went another way, or is marked twice
			}
			b.spilling = true
			size += b.tailBytes
			messages := append([]*persistence.Message(nil), b.tail[:b.spillable]...)
			all, grains = append(all, persistence.Spilling{Record: &g.record, Messages: messages}), append(grains, g)
		}
		if len(grains) > 0 {
			w.write(all, grains)
		}
	}
}

func (w *worker) write(all []persistence.Spilling, grains []*grain) {
	w.engine.background("spill", func() {
		err := w.engine.journal.Spill(all...)
		events := make([]func(*worker), len(grains))
		for i, g := range grains {
			events[i] = func(w *worker) {
				if err != nil {
					w.engine.fail(err)
					return
				}
				w.spilled(g)
			}
		}
		w.post(events...)
	})
}

func (w *worker) spilled(g *grain) {
	b := &g.inbox
	w.hold(g, func() { b.spilled(b.spillable) })
	w.unmark(b)
	w.spill(g)
	w.pump(g)
}

// spilled drops the first n messages of the tail, which are on disk now.
func (b *inbox) spilled(n int) {
	for _, m := range b.tail[:n] {
		b.tailBytes -= m.Size()
	}
	kept := copy(b.tail, b.tail[n:])
	clear(b.tail[kept:])
	b.tail = b.tail[:kept]
	if kept == 0 && cap(b.tail) > 1024 {
		b.tail = nil
	}
	b.stored, b.spilling = true, false
}

// refill brings the next messages of a grain into memory when its head ran dry.
func (w *worker) refill(g *grain) {
	b := &g.inbox
	if b.spilling {
		return // spilled goes on
	}
	w.unmark(b)
	if !b.stored {
		w.hold(g, func() { b.refill(nil, false, w.window()) })
		w.pump(g)
		return
	}
	g.busy(statusRefill, "its next messages are being read from disk", 0)
	w.refilling++
	r, after, enough := &g.record, b.last, g.fn.enough(w.readFew())
	w.engine.background("refill", func() {
		messages, more, err := w.engine.journal.ReadInbox(r, after, false, enough)
		w.post(func(w *worker) {
			w.refilling--
			if err != nil {
				w.engine.fail(err)
				return
			}
			w.hold(g, func() { b.refill(messages, more, w.window()) })
			g.ready()
			w.spill(g)
			w.pump(g)
		})
	})
}
