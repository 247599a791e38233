package persistence

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/statefun-go/statefun/functions"
)

// Row is a change of one row of the tables.
type Row struct {
	Key    []byte
	Value  []byte
	Delete bool
}

// EgressRecord waits in an egress's queue until its connector has delivered it.
type EgressRecord struct {
	Egress functions.TypeName
	Key    string // the sender's id, for order and partitioning
	Type   functions.TypeName
	Value  []byte
	// Sequence is its place in the queue; the append sets it.
	Sequence Sequence
}

// Transaction is all effects of one invocation, or of one event from outside.
// Append copies what it holds: the struct and its slices may be used again,
// what the slices point to must not be changed.
type Transaction struct {
	// Record is the address whose turn it was, nil for an event from outside.
	// Its shard must be the address's worker's.
	Record *Record
	// Messages are those consumed, in the order of the inbox.
	Messages []*Message
	// Skip, if not 0, consumes the inbox up to here; so do Chunks, which go with it.
	Skip   Sequence
	Chunks []*Chunk
	// Cells are all cells of the record after the transaction, and Nudge the
	// time at which one of them may have expired (0: none does).
	Cells []Cell
	Nudge int64

	Sends  []*Message
	Rows   []Row
	Clears []KeyRange
	Egress []EgressRecord
	// Durable is called once the transaction is durable, from the committer:
	// it must not block.
	Durable []func()
}

// Size is about the number of bytes that the transaction takes in memory.
func (t *Transaction) Size() int {
	n := 64
	if t.Record != nil {
		n += len(t.Record.Address.ID)
	}
	for i := range t.Cells {
		if n += 16; !t.Cells[i].Large { // else it is in a row
			n += len(t.Cells[i].Value)
		}
	}
	for _, m := range t.Sends {
		n += m.Size()
	}
	for i := range t.Rows {
		n += 96 + len(t.Rows[i].Key) + len(t.Rows[i].Value)
	}
	for i := range t.Egress {
		n += 64 + len(t.Egress[i].Key) + len(t.Egress[i].Value)
	}
	return n
}

// Reset empties the transaction for its next use.
func (t *Transaction) Reset() {
	t.Record, t.Skip, t.Nudge = nil, 0, 0
	t.Messages, t.Chunks, t.Cells = emptied(t.Messages), emptied(t.Chunks), emptied(t.Cells)
	t.Sends, t.Rows, t.Clears = emptied(t.Sends), emptied(t.Rows), emptied(t.Clears)
	t.Egress, t.Durable = emptied(t.Egress), emptied(t.Durable)
}

// emptied is a slice to fill again that keeps nothing alive. Most are empty
// already, and then it costs nothing.
func emptied[T any](s []T) []T {
	if len(s) == 0 {
		return s
	}
	clear(s)
	return s[:0]
}

var (
	// ErrFull says that the open batch, or the log, is at its bound: try again
	// once Options.Room was called.
	ErrFull = errors.New("persistence: the open batch is full")
	// ErrStopped says that the journal does not take transactions any more:
	// closed, or stopped by an I/O error, which it wraps.
	ErrStopped = errors.New("persistence: the journal has stopped")
)

// slot is one record's place in a batch. What it says is encoded when it is
// placed, in the cache of the core that has just made it.
type slot struct {
	record *Record
	place  uint64 // in the overlay, when the slot was made
	group  KeyGroup
	name   int // of the type, in batchPart.names
	// In batchPart.image: the id, then somewhere else the value.
	id, idEnd, value, valueEnd int
}

// batchPart is one shard's part of a batch.
type batchPart struct {
	slots   []slot
	names   nameTable // of the records' types
	image   []byte    // of the records
	sent    []*Message
	rows    []Row
	clears  []KeyRange
	egress  []EgressRecord
	durable []func()
	size    int
}

func (p *batchPart) empty() bool {
	return len(p.slots)+len(p.sent)+len(p.rows)+len(p.clears)+len(p.egress)+len(p.durable) == 0
}

func (p *batchPart) reset() {
	p.slots, p.image, p.sent = emptied(p.slots), p.image[:0], emptied(p.sent)
	p.names.reset()
	p.rows, p.clears, p.egress = emptied(p.rows), emptied(p.clears), emptied(p.egress)
	p.durable, p.size = emptied(p.durable), 0
}

// Shard is one appender's entrance to the open batch. Each worker has its own,
// and one more serves everybody else.
type Shard struct {
	journal *Journal

	mu     sync.Mutex
	number BatchNumber  // of the open batch
	part   *batchPart   // of the open batch
	inHand atomic.Int64 // the part's size, for who looks at the disk
	_      [24]byte     // shards do not share cache lines
}

// Append places transactions into the open batch and delivers their messages,
// all or none: it returns ErrFull or ErrStopped without a trace. Their order in
// the journal is the order of the arguments. It returns the batch's number.
func (s *Shard) Append(txs ...*Transaction) (BatchNumber, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.journal.admit(s, txs); err != nil {
		return 0, err
	}
	was, sent := s.part.empty(), len(s.part.sent)
	for _, tx := range txs {
		s.place(tx)
	}
	s.inHand.Store(int64(s.part.size))
	s.deliver(sent)
	if was {
		s.journal.commitTask.Wake()
	}
	return s.number, nil
}

// AppendNow appends whether or not there is room: for what is small and few, and
// cannot wait or makes room, such as acknowledgements. It returns ErrStopped.
func (s *Shard) AppendNow(tx *Transaction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.journal.Err(); err != nil {
		return err
	}
	sent := len(s.part.sent)
	s.place(tx)
	s.inHand.Store(int64(s.part.size))
	s.deliver(sent)
	s.journal.commitTask.Wake()
	return nil
}

// deliver hands out the messages that were placed since there were n. They have
// their causes in the batch by now: law 1.
func (s *Shard) deliver(n int) {
	if sent := s.part.sent[n:]; len(sent) > 0 {
		s.journal.deliver(sent)
	}
}

func (s *Shard) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.part.empty()
}

func (s *Shard) place(tx *Transaction) {
	p := s.part
	if tx.Record != nil {
		s.placeRecord(tx)
	}
	for _, m := range tx.Messages {
		m.consume(s.number)
	}
	for _, c := range tx.Chunks {
		c.consumed.Store(uint64(s.number))
	}
	for i := range tx.Egress {
		tx.Egress[i].Sequence = Sequence(s.journal.egressSequence.Add(1))
	}
	p.rows = append(p.rows, tx.Rows...)
	p.clears = append(p.clears, tx.Clears...)
	p.egress = append(p.egress, tx.Egress...)
	p.durable = append(p.durable, tx.Durable...)
	p.size += tx.Size()
	p.sent = append(p.sent, tx.Sends...)
}

func (s *Shard) placeRecord(tx *Transaction) {
	p, r := s.part, tx.Record
	if n := len(tx.Messages); n > 0 {
		r.consumed = max(r.consumed, tx.Messages[n-1].Sequence)
	}
	r.consumed = max(r.consumed, tx.Skip)
	for _, c := range tx.Chunks {
		r.consumed = max(r.consumed, c.Last)
	}
	if r.batch != s.number {
		r.batch, r.slot = s.number, len(p.slots)
		p.slots = append(p.slots, p.newSlot(r))
	}
	p.setValue(&p.slots[r.slot], r.consumed, tx)
}

func (p *batchPart) newSlot(r *Record) slot {
	name, _ := p.names.number(r.Address.Type)
	id := len(p.image)
	p.image = append(p.image, r.Address.ID...)
	return slot{record: r, place: atomic.LoadUint64(&r.place), group: r.Group, name: name, id: id, idEnd: len(p.image)}
}

// setValue encodes what the transaction has made of the record, over what the
// batch had of it if that is as long.
func (p *batchPart) setValue(s *slot, consumed Sequence, tx *Transaction) {
	start := len(p.image)
	p.image = appendRecord(p.image, consumed, tx.Nudge, tx.Cells)
	if n := len(p.image) - start; n == s.valueEnd-s.value {
		copy(p.image[s.value:], p.image[start:])
		p.image = p.image[:start]
		return
	}
	s.value, s.valueEnd = start, len(p.image)
}

// batch is a sealed batch.
type batch struct {
	number BatchNumber
	parts  []*batchPart
}

// admission is what Append asks before it takes anything.
type admission struct {
	stopped atomic.Pointer[error]
	logFull atomic.Bool
	// overlayFull says that one generation of the overlay is being written into
	// the tables and the next one is full.
	overlayFull atomic.Bool
	wanted      atomic.Bool // somebody was refused and waits for room
	// large is the size of the large transactions in the open batch, of all
	// shards: small ones are bounded shard by shard, without a common counter.
	large atomic.Int64
}

// largeTransaction is from where transactions count together.
const largeTransaction = 1 << 20

// admit is called with the shard's lock held.
func (j *Journal) admit(s *Shard, txs []*Transaction) error {
	if err := j.stopped.Load(); err != nil {
		return *err
	}
	if j.fits(s, txs) {
		return nil
	}
	j.wanted.Store(true)
	// Whoever made room just before did not know that somebody wants it.
	if j.fits(s, txs) {
		return nil
	}
	return ErrFull
}

func (j *Journal) fits(s *Shard, txs []*Transaction) bool {
	bound := j.space.batch.Load()
	if int64(s.part.size) >= bound || j.logFull.Load() || j.overlayFull.Load() || j.space.scarce() {
		return false
	}
	size, large := int64(0), int64(0)
	for _, tx := range txs {
		n := int64(tx.Size())
		size += n
		if n >= largeTransaction {
			large += n
		}
	}
	switch {
	case large > 0:
		return j.admitLarge(s, size, large)
	case size > bound:
		return j.space.admits(size, false, &s.inHand)
	}
	return true
}

// admitLarge lets one transaction pass however large it is, and more while they
// stay below the batch's bound.
func (j *Journal) admitLarge(s *Shard, size, large int64) bool {
	sum := j.large.Add(large)
	if sum > int64(j.opts.BatchBytes) && sum != large || !j.space.admits(size, true, &s.inHand) {
		j.large.Add(-large)
		return false
	}
	return true
}
