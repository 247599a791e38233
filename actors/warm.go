package actors

// warmTogether is how many messages warm looks ahead: more than the memory
// reads that a core has under way at a time, and few enough that what was read
// is still in its cache when it is used.
const warmTogether = 16

// warmFrom is from how many grains on warm does anything: fewer are in the cache.
const warmFrom = 1024

// warm reads what the next messages will need. With many addresses nearly all of
// it is out of the cache, and handling one message after the other would wait
// for each line of it; here the reads do not depend on one another, so that the
// processor waits for many at a time. It changes nothing: a grain that is not
// found here, or another in its place, only costs time.
func (w *worker) warm() {
	if w.directory.grains.n < warmFrom {
		w.warmed = len(w.messages)
		return
	}
	next := w.messages[w.next:min(len(w.messages), w.next+warmTogether)]
	w.warmed = w.next + len(next)
	var grains [warmTogether]*grain
	var sum uint64
	for i, d := range next {
		grains[i] = w.directory.grains.guess(d.hash)
		sum += uint64(d.message.Sequence) + uint64(len(d.message.Target.ID))
	}
	for i, d := range next {
		if g := grains[i]; g != nil {
			sum += g.touch()
		}
		if v := d.message.Value; len(v) > 0 {
			sum += uint64(v[0])
		}
	}
	for _, g := range grains[:len(next)] {
		if g != nil {
			sum += g.touchContent()
		}
	}
	w.warmth = sum
}

// touch reads a word of each cache line of the grain.
func (g *grain) touch() uint64 {
	return g.hash + uint64(len(g.record.Address.ID)) + uint64(len(g.cells)) + uint64(g.status) +
		uint64(len(g.inbox.tail)) + uint64(g.inbox.last) + uint64(g.record.Batch())
}

// touchContent reads what the grain points to, unless that is in use elsewhere.
func (g *grain) touchContent() uint64 {
	if g.status != statusReady {
		return 0
	}
	var sum uint64
	if id := g.record.Address.ID; len(id) > 0 {
		sum += uint64(id[0])
	}
	if len(g.cells) > 0 && len(g.cells[0].value) > 0 {
		sum += uint64(g.cells[0].value[0])
	}
	if c := g.mailbox.context; c.Actor() == nil || c.Message() != nil { // its two cache lines
		sum++
	}
	return sum
}
