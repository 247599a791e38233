package persistence

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/tables"
)

// inboxes knows the durable messages that wait in this journal.
//
// Those that somebody holds in memory are the waiting ones; at a marker each
// address's go into one row of the tables, its window. Those that nobody holds
// were spilled into chunks. After a restart, windows are read when their address
// is activated (adopted), and messages that only the log had are recovered.
type inboxes struct {
	mu sync.Mutex
	// waiting leave lazily once they are consumed or spilled.
	waiting []*Message
	live    int // len(waiting) after the last prune
	// windows are those that were written or adopted by this run, by the address's
	// record key.
	windows map[string]*window
	// tracked are the chunks that were read, by key; each goes from the tables
	// once its last message is consumed.
	tracked map[string]*Chunk
	// Messages to hand out again, in order. An address's are with the recovered
	// ones, or if those had none of it, with the adopted ones.
	recovered recovered
	adopted   map[functions.Address][]*Message
	stored    stored
}

// window is what the row holds. The messages are among the waiting ones.
type window struct {
	first, last Sequence
	count       int
	row         bool // there is one
}

func (in *inboxes) init(groups int) {
	in.windows = map[string]*window{}
	in.tracked = map[string]*Chunk{}
	in.adopted = map[functions.Address][]*Message{}
	in.stored.init(groups)
}

func (in *inboxes) add(sent []*Message) {
	if len(sent) == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting = append(in.waiting, sent...)
}

// prune forgets what is consumed durably or spilled, at a constant cost per
// message over time.
func (in *inboxes) prune(durable BatchNumber) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.waiting) < 2*in.live+4096 {
		return
	}
	in.waiting = slices.DeleteFunc(in.waiting, func(m *Message) bool { return !m.waits(durable) })
	in.live = len(in.waiting)
}

func (m *Message) waits(n BatchNumber) bool {
	return !m.consumedBy(n) && m.spilled.Load() == nil
}

// held returns those of messages that wait as of batch n and are in no chunk, by
// address.
func held(messages []*Message, n BatchNumber) map[functions.Address][]*Message {
	by := map[functions.Address][]*Message{}
	for _, m := range messages {
		if m.waits(n) {
			by[m.Target] = append(by[m.Target], m)
		}
	}
	return by
}

// track notes a chunk that was read. One that is known already is returned in its
// place.
func (in *inboxes) track(c *Chunk) *Chunk {
	in.mu.Lock()
	defer in.mu.Unlock()
	if known := in.tracked[string(c.key)]; known != nil {
		return known
	}
	in.tracked[string(c.key)] = c
	return c
}

// done returns the chunks that batch n or an earlier one has finished, and
// forgets them.
func (in *inboxes) done(n BatchNumber) []*Chunk {
	in.mu.Lock()
	defer in.mu.Unlock()
	var done []*Chunk
	for key, c := range in.tracked {
		if b := c.consumed.Load(); b == 0 || BatchNumber(b) > n {
			continue
		}
		done = append(done, c)
		delete(in.tracked, key)
	}
	slices.SortFunc(done, func(a, b *Chunk) int { return bytes.Compare(a.key, b.key) })
	return done
}

// has reports whether an address may have messages that nobody holds.
func (in *inboxes) has(r *Record) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.hasNow(r)
}

// hasNow is has, with mu held.
func (in *inboxes) hasNow(r *Record) bool {
	return len(in.toHandOut(r.Address)) > 0 || in.stored.maybe(r.Group, r.key)
}

// lookFor is has for several records that were loaded.
func (in *inboxes) lookFor(records []*Record, loaded []LoadedRecord) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, r := range records {
		loaded[i].Inbox = in.hasNow(r)
	}
}

// toHandOut are the messages of an address to hand out again. It is called with mu
// held.
func (in *inboxes) toHandOut(a functions.Address) []*Message {
	if list := in.recovered.list(a); len(list) > 0 {
		return list
	}
	return in.adopted[a]
}

// setToHandOut replaces what toHandOut returns.
func (in *inboxes) setToHandOut(a functions.Address, messages []*Message) {
	if r := in.recovered.find(a); r != nil {
		in.recovered.set(r, messages)
	} else if len(messages) > 0 {
		in.adopted[a] = messages
	} else {
		delete(in.adopted, a)
	}
}

// takeRecovered returns the recovered messages of an address after a sequence
// and, unless to is 0, at or before to. What it returns is forgotten here.
func (in *inboxes) takeRecovered(a functions.Address, after, to Sequence) []*Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.toHandOut(a)
	if len(list) == 0 {
		return nil
	}
	var out []*Message
	for len(list) > 0 && (to == 0 || list[0].Sequence <= to) {
		if list[0].Sequence > after {
			out = append(out, list[0])
		}
		list = list[1:]
	}
	in.setToHandOut(a, list)
	return out
}

// RecoveredInboxes returns addresses of messages that only the log had when the
// journal was opened and that nobody has taken yet, for somebody to activate them:
// some from a place on, 0 at the beginning. next is where to go on, 0 at the end.
// Those that the tables have are found by Stored.
func (j *Journal) RecoveredInboxes(from int) (found []functions.Address, next int) {
	in := &j.inboxes
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.recovered.addresses(from)
}

// maxChunk bounds a chunk, so that reading one costs little memory.
const (
	maxChunkMessages = 256
	maxChunkBytes    = 256 << 10
)

// Smaller chunks are read together up to here.
const readBytes = 64 << 10

func (in *inboxes) mark(r *Record) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stored.mark(r.Group, r.key)
}

// Spilling is durable messages of one address, in order and consecutive.
type Spilling struct {
	Record   *Record
	Messages []*Message
}

// Spill stores messages in the tables, so that nobody needs to hold them in
// memory. What the log says stays as it is.
func (j *Journal) Spill(all ...Spilling) error {
	var b tables.Batch
	var chunks []*Chunk // of each message
	for _, s := range all {
		j.inboxes.mark(s.Record) // before anybody can find the rows
		for rest := s.Messages; len(rest) > 0; {
			n := chunkLength(rest)
			c, value := newChunk(s.Record, rest[:n])
			b.Set(c.key, value)
			for range n {
				chunks = append(chunks, c)
			}
			rest = rest[n:]
		}
	}
	if err := j.tables.Apply(&b); err != nil {
		return err
	}
	for _, s := range all {
		for _, m := range s.Messages {
			m.spilled.Store(chunks[0])
			chunks = chunks[1:]
		}
	}
	return nil
}

func chunkLength(messages []*Message) int {
	n, size := 0, 0
	for n < len(messages) && n < maxChunkMessages && (n == 0 || size < maxChunkBytes) {
		size += messages[n].Size()
		n++
	}
	return n
}

func newChunk(r *Record, messages []*Message) (*Chunk, []byte) {
	first, last := messages[0].Sequence, messages[len(messages)-1].Sequence
	return &Chunk{
		First: first, Last: last, Count: len(messages),
		key: chunkKey(r.Group, r.Address, first), address: r.key,
	}, encodeChunk(messages)
}

const (
	chunkVersion    = 1
	minMessageBytes = 5 // its sequence, and four lengths
)

var errChunk = errors.New("persistence: malformed inbox chunk")

// encodeChunk writes messages without their common target, last sequence first
// so that a look at the head tells the chunk's range.
func encodeChunk(messages []*Message) []byte {
	b := append(make([]byte, 0, len(messages)*128), chunkVersion)
	b = binary.AppendUvarint(b, uint64(messages[len(messages)-1].Sequence))
	b = binary.AppendUvarint(b, uint64(len(messages)))
	for _, m := range messages {
		b = binary.AppendUvarint(b, uint64(m.Sequence))
		b = appendBody(b, m)
	}
	return b
}

func decodeChunk(target *Record, b []byte) (last Sequence, messages []*Message, err error) {
	d := decoder{b: b, names: &TypeNames{}}
	if err := d.version(chunkVersion, errChunk); err != nil {
		return 0, nil, err
	}
	last = Sequence(d.uvarint())
	n := d.uvarint()
	if n > uint64(len(d.b))/minMessageBytes {
		return 0, nil, errChunk
	}
	messages = make([]*Message, n)
	for i := range messages {
		m := &Message{Target: target.Address, Sequence: Sequence(d.uvarint())}
		d.body(m)
		messages[i] = m
	}
	if d.bad || len(d.b) != 0 || n == 0 || messages[n-1].Sequence != last {
		return 0, nil, errChunk
	}
	return last, messages, nil
}

// ReadInbox returns the next messages of an address after a sequence, in order,
// out of what was spilled or recovered; more says that there may be further ones.
// What somebody holds in memory is not found. Chunks are read until they have at least
// enough messages together. first says that it is the first
// read of an active period, with after the record's consumed-to.
func (j *Journal) ReadInbox(r *Record, after Sequence, first bool, enough int) (messages []*Message, more bool, err error) {
	if !j.inboxes.has(r) {
		return nil, false, nil
	}
	if err := j.adopt(r); err != nil {
		return nil, false, fmt.Errorf("persistence: inbox of %s: %w", r.Address, err)
	}
	chunks, read, err := j.nextChunks(r, after, first, enough)
	if err != nil {
		return nil, false, fmt.Errorf("persistence: inbox of %s: %w", r.Address, err)
	}
	if len(chunks) == 0 {
		return j.inboxes.takeRecovered(r.Address, after, 0), false, nil
	}
	read = slices.DeleteFunc(read, func(m *Message) bool { return m.Sequence <= after })
	messages = mergeMessages(j.inboxes.takeRecovered(r.Address, after, chunks[len(chunks)-1].Last), read)
	for _, m := range messages {
		for len(chunks) > 1 && m.Sequence > chunks[0].Last {
			chunks = chunks[1:]
		}
		if m.Sequence >= chunks[0].First {
			m.spilled.Store(chunks[0])
		}
	}
	return messages, true, nil
}

// adopt reads the window that a former run may have left.
func (j *Journal) adopt(r *Record) error {
	in := &j.inboxes
	if !in.mayHaveWindow(r) {
		return nil
	}
	key := windowKey(r.Group, r.Address)
	v, ok, err := j.tables.Get(key, nil)
	if err != nil {
		return err
	}
	var consumed Sequence
	var messages []*Message
	if ok {
		// The record goes from the tables together with a window that it has
		// consumed, never before it: so it is read first, and the window again.
		if consumed, err = j.consumedTo(r); err != nil {
			return err
		}
		if v, ok, err = j.tables.Get(key, nil); err != nil {
			return err
		}
	}
	if ok {
		if _, messages, err = decodeChunk(r, v); err != nil {
			return err
		}
	}
	in.adopt(r, messages, ok, consumed)
	return nil
}

// mayHaveWindow reports whether a former run may have left a window that is not
// adopted.
func (in *inboxes) mayHaveWindow(r *Record) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.windows[r.key] == nil && in.stored.maybe(r.Group, r.key)
}

// adopt takes what was read of a window, unless somebody else has.
func (in *inboxes) adopt(r *Record, messages []*Message, row bool, consumed Sequence) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.windows[r.key] != nil {
		return
	}
	in.windows[r.key] = &window{row: row}
	// The window may be ahead of the marker: what the log has, too, is known.
	known := in.toHandOut(r.Address)
	messages = slices.DeleteFunc(messages, func(m *Message) bool {
		_, twice := slices.BinarySearchFunc(known, m.Sequence, compareSequence)
		return twice || m.Sequence <= consumed
	})
	in.waiting = append(in.waiting, messages...)
	if all := mergeMessages(messages, known); len(all) > 0 {
		in.setToHandOut(r.Address, all)
	}
}

func compareSequence(m *Message, s Sequence) int { return cmp.Compare(m.Sequence, s) }

// nextChunks finds the first chunks that have messages after a sequence, until these
// are enough. Chunks without any were consumed before a crash and are left
// to the materializer.
func (j *Journal) nextChunks(r *Record, after Sequence, first bool, enough int) (next []*Chunk, messages []*Message, err error) {
	prefix := chunkPrefix(r.Group, r.Address)
	low := chunkKey(r.Group, r.Address, after+1)
	if first {
		low = prefix // a chunk may be consumed in part
	}
	size := 0
	scan := j.tables.Scan(low, prefixRange(prefix).High, func(k, v []byte) bool {
		last, read, bad := decodeChunk(r, bytes.Clone(v))
		if bad != nil {
			err = bad
			return false
		}
		c := &Chunk{First: read[0].Sequence, Last: last, Count: len(read), key: bytes.Clone(k), address: r.key}
		c = j.inboxes.track(c)
		if last <= after {
			c.consumed.CompareAndSwap(0, max(1, uint64(j.Durable())))
			return true
		}
		next, messages = append(next, c), append(messages, read...)
		size += len(v)
		return len(messages) < enough && size < readBytes
	})
	return next, messages, errors.Join(scan, err)
}

// mergeMessages merges two ordered lists; of a message in both, a's counts.
func mergeMessages(a, b []*Message) []*Message {
	if len(a) == 0 {
		return b
	}
	out := append(slices.Clone(a), b...)
	slices.SortStableFunc(out, func(x, y *Message) int { return cmp.Compare(x.Sequence, y.Sequence) })
	return slices.CompactFunc(out, func(x, y *Message) bool { return x.Sequence == y.Sequence })
}

// DropInbox returns all chunks and recovered messages of an address, so that a
// transaction can consume them unread.
func (j *Journal) DropInbox(r *Record) (chunks []*Chunk, recovered []*Message, err error) {
	if err := j.adopt(r); err != nil {
		return nil, nil, err
	}
	recovered = j.inboxes.takeRecovered(r.Address, 0, 0)
	kr := prefixRange(chunkPrefix(r.Group, r.Address))
	scan := j.tables.Scan(kr.Low, kr.High, func(k, v []byte) bool {
		var messages []*Message
		var last Sequence
		if last, messages, err = decodeChunk(r, v); err != nil {
			return false
		}
		c := &Chunk{First: messages[0].Sequence, Last: last, Count: len(messages), key: bytes.Clone(k), address: r.key}
		chunks = append(chunks, j.inboxes.track(c))
		return true
	})
	return chunks, recovered, errors.Join(scan, err)
}
