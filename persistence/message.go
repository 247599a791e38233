package persistence

import (
	"sync/atomic"

	"github.com/statefun-go/statefun/functions"
)

// Sequence orders messages, timers and the like. Within one address, and
// within one worker, sequences only grow; they are not contiguous.
type Sequence uint64

// BatchNumber numbers the batches of a journal without gaps, from 1.
type BatchNumber uint64

// Message is a message on its way to an address of this journal. It is
// immutable once it was appended, except for what the journal notes on it.
type Message struct {
	Target functions.Address
	Caller functions.Address // zero: none, it came from an ingress
	Type   functions.TypeName
	Value  []byte

	// Sequence is its place in the target's inbox. Delivery sets it.
	Sequence Sequence

	// consumed is the batch that consumes it, 0 before. The worker writes it
	// under its shard's lock, the committer reads it.
	consumed atomic.Uint64
	// spilled is the inbox chunk that has it, nil if there is none.
	spilled atomic.Pointer[Chunk]
}

// Size is the memory that a message takes, in bytes.
func (m *Message) Size() int {
	return 128 + len(m.Target.ID) + len(m.Caller.ID) + len(m.Value)
}

// consumedBy reports whether batch n or an earlier one consumes the message.
func (m *Message) consumedBy(n BatchNumber) bool {
	c := m.consumed.Load()
	return c != 0 && BatchNumber(c) <= n
}

// Chunk is a row of consecutive messages of one inbox that were spilled.
type Chunk struct {
	First, Last Sequence
	Count       int

	key     []byte
	address string // the record's key
	// consumed is the batch that consumes Last, 0 before; the row goes at the
	// first marker at or after it.
	consumed atomic.Uint64
}

// consume notes that batch n consumes m. Whoever spills a message does not run
// at the same time: both are its address's worker.
func (m *Message) consume(n BatchNumber) {
	m.consumed.Store(uint64(n))
	if c := m.spilled.Load(); c != nil && m.Sequence == c.Last {
		c.consumed.Store(uint64(n))
	}
}
