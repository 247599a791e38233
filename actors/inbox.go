package actors

import (
	"slices"

	"github.com/statefun-go/statefun/persistence"
)

// inbox holds the messages that wait for one grain: a head in memory, then what
// was spilled to the journal's tables, then a tail in memory that has not been
// spilled yet. A message belongs to exactly one of the three.
type inbox struct {
	head   []*persistence.Message
	first  int // of head
	bytes  int // of head
	stored bool
	tail   []*persistence.Message
	// tailBytes is the size of tail.
	tailBytes int
	// last is the sequence of the newest message that was in head, newest that
	// of the newest message seen at all.
	last, newest persistence.Sequence

	// spillable of the tail, marked bytes, may be spilled once batch spillAfter is
	// durable; spilling says that they are being written.
	spillable  int
	marked     int
	spillAfter persistence.BatchNumber
	spilling   bool
}

// Beyond the window an address's messages wait on disk. Each address has its
// own, so that a flooded one does not push out its neighbours.
const (
	windowMessages = 1024
	windowBytes    = 256 << 10
)

// window bounds the head of an inbox; a quarter of it is worth a chunk on disk.
type window struct {
	messages, bytes int
}

func (w window) full(b *inbox) bool {
	return len(b.head)-b.first >= w.messages || b.bytes >= w.bytes
}

func (w window) worthSpilling(b *inbox) bool { return len(b.tail) >= max(1, w.messages/4) }

func (b *inbox) reuse() inbox {
	clear(b.head)
	clear(b.tail)
	return inbox{head: b.head[:0], tail: b.tail[:0]}
}

func (b *inbox) empty() bool { return b.first == len(b.head) && !b.stored && len(b.tail) == 0 }

// len is the number of messages in memory, size what they take.
func (b *inbox) len() int { return len(b.head) - b.first + len(b.tail) }

func (b *inbox) size() int { return b.bytes + b.tailBytes }

// push takes a message that has just been delivered. One that is known already
// (it was read from disk first) is dropped.
func (b *inbox) push(m *persistence.Message, w window) {
	if m.Sequence <= b.newest {
		return
	}
	b.newest = m.Sequence
	if b.stored || len(b.tail) > 0 || w.full(b) {
		b.tail = append(b.tail, m)
		b.tailBytes += m.Size()
		return
	}
	b.append(m)
}

func (b *inbox) append(m *persistence.Message) {
	b.head = append(b.head, m)
	b.bytes += m.Size()
	b.last = m.Sequence
	b.newest = max(b.newest, m.Sequence)
}

// peek returns the next message in memory, nil if there is none.
func (b *inbox) peek() *persistence.Message {
	if b.first == len(b.head) {
		return nil
	}
	return b.head[b.first]
}

// prepend puts back what was taken out last.
func (b *inbox) prepend(m *persistence.Message) {
	b.bytes += m.Size()
	if b.first > 0 {
		b.first--
		b.head[b.first] = m
		return
	}
	b.head = slices.Insert(b.head, 0, m)
}

func (b *inbox) pop() {
	m := b.head[b.first]
	b.head[b.first] = nil
	b.bytes -= m.Size()
	if b.first++; b.first == len(b.head) {
		b.head, b.first = b.head[:0], 0
	}
}

// restore takes what was read from disk when the grain was activated; messages
// that arrived meanwhile come after it.
func (b *inbox) restore(read []*persistence.Message, more bool, w window) {
	if len(read) == 0 && len(b.tail) == 0 {
		b.stored = more
		return
	}
	arrived := slices.Concat(b.head[b.first:], b.tail)
	*b = b.reuse()
	b.stored = more
	for _, m := range read {
		b.append(m)
	}
	for _, m := range arrived {
		b.push(m, w)
	}
}

// refill moves on: what was read from disk, or the tail, becomes the head.
func (b *inbox) refill(read []*persistence.Message, more bool, w window) {
	b.stored = more
	for _, m := range read {
		b.append(m)
	}
	if more {
		return
	}
	tail := b.tail
	b.tail = nil
	for len(tail) > 0 && !w.full(b) {
		m := tail[0]
		if b.tailBytes -= m.Size(); m.Sequence > b.last {
			b.append(m)
		}
		tail = tail[1:]
	}
	b.tail = tail
}
