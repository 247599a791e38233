package persistence

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/statefun-go/statefun/functions"
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
	// windows are the rows in the tables, by the address's record key.
	windows map[string]*window
	unread  int // windows that are not adopted
	// chunks counts the chunks in the tables, by record key.
	chunks map[string]int
	// tracked are the chunks that were written or read since the start, by key;
	// each goes from the tables once its last message is consumed.
	tracked map[string]*Chunk
	// recovered are messages to hand out again, by record key, in order.
	recovered map[string][]*Message
}

// window is what the row holds.
type window struct {
	first, last Sequence
	count       int
	adopted     bool // its messages are among the waiting ones
}

func (in *inboxes) init() {
	in.windows = map[string]*window{}
	in.chunks = map[string]int{}
	in.tracked = map[string]*Chunk{}
	in.recovered = map[string][]*Message{}
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

// held returns the messages that wait as of batch n and are in no chunk, by
// address. It is called with mu held.
func (in *inboxes) held(n BatchNumber) map[functions.Address][]*Message {
	by := map[functions.Address][]*Message{}
	for _, m := range in.waiting {
		if m.waits(n) {
			by[m.Target] = append(by[m.Target], m)
		}
	}
	return by
}

// unadopted returns the addresses that have got messages beside a window that
// nobody has read yet.
func (j *Journal) unadopted() []functions.Address {
	in := &j.inboxes
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.unread == 0 {
		return nil
	}
	out := map[functions.Address]struct{}{}
	for _, m := range in.waiting {
		w := in.windows[string(recordKey(j.Group(m.Target.ID), m.Target))]
		if w != nil && !w.adopted {
			out[m.Target] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(out))
}

// track notes a chunk that is in the tables. One that is known already is
// returned in its place.
func (in *inboxes) track(c *Chunk, isNew bool) *Chunk {
	in.mu.Lock()
	defer in.mu.Unlock()
	if known := in.tracked[string(c.key)]; known != nil {
		return known
	}
	in.tracked[string(c.key)] = c
	if isNew {
		in.chunks[c.address]++
	}
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
		if in.chunks[c.address]--; in.chunks[c.address] <= 0 {
			delete(in.chunks, c.address)
		}
	}
	slices.SortFunc(done, func(a, b *Chunk) int { return bytes.Compare(a.key, b.key) })
	return done
}

// inTables reports whether the tables have messages of an address.
func (in *inboxes) inTables(key string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.chunks[key] > 0 || in.windows[key] != nil
}

func (in *inboxes) has(key string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.windows[key]
	return in.chunks[key] > 0 || len(in.recovered[key]) > 0 || w != nil && !w.adopted
}

// takeRecovered returns the recovered messages of an address after a sequence
// and, unless to is 0, at or before to. What it returns is forgotten here.
func (in *inboxes) takeRecovered(key string, after, to Sequence) []*Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := in.recovered[key]
	var out []*Message
	for len(list) > 0 && (to == 0 || list[0].Sequence <= to) {
		if list[0].Sequence > after {
			out = append(out, list[0])
		}
		list = list[1:]
	}
	if in.recovered[key] = list; len(list) == 0 {
		delete(in.recovered, key)
	}
	return out
}

// Waiting returns the addresses that had messages waiting when the journal was
// opened, for somebody to activate them.
func (j *Journal) Waiting() ([]Waiting, error) {
	keys := j.inboxes.keys()
	out := make([]Waiting, 0, len(keys))
	for _, key := range keys {
		g, a, _, err := cutAddressKey([]byte(key))
		if err != nil {
			return nil, err
		}
		out = append(out, Waiting{a, g})
	}
	return out, nil
}

func (in *inboxes) keys() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := map[string]struct{}{}
	for key := range in.windows {
		all[key] = struct{}{}
	}
	for key := range in.chunks {
		all[key] = struct{}{}
	}
	for key := range in.recovered {
		all[key] = struct{}{}
	}
	return slices.Sorted(maps.Keys(all))
}

// Waiting is an address with messages to handle.
type Waiting struct {
	Address functions.Address
	Group   KeyGroup
}

// maxChunk bounds a chunk, so that reading one costs little memory.
const (
	maxChunkMessages = 256
	maxChunkBytes    = 256 << 10
)

// Spill stores durable messages of one address, in order and consecutive, in
// the tables, so that nobody needs to hold them in memory. What the log says
// stays as it is.
func (j *Journal) Spill(r *Record, messages []*Message) error {
	for len(messages) > 0 {
		n := chunkLength(messages)
		c, value := newChunk(r, messages[:n])
		if err := j.setRow(c.key, value); err != nil {
			return err
		}
		j.inboxes.track(c, true)
		for _, m := range messages[:n] {
			m.spilled.Store(c)
		}
		messages = messages[n:]
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
	d := decoder{b: b}
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
// What somebody holds in memory is not found. first says that it is the first
// read of an active period, with after the record's consumed-to.
func (j *Journal) ReadInbox(r *Record, after Sequence, first bool) (messages []*Message, more bool, err error) {
	if !j.inboxes.has(r.key) {
		return nil, false, nil
	}
	if err := j.adopt(r); err != nil {
		return nil, false, fmt.Errorf("persistence: inbox of %s: %w", r.Address, err)
	}
	c, stored, err := j.nextChunk(r, after, first)
	if err != nil {
		return nil, false, fmt.Errorf("persistence: inbox of %s: %w", r.Address, err)
	}
	if c == nil {
		return j.inboxes.takeRecovered(r.key, after, 0), false, nil
	}
	stored = slices.DeleteFunc(stored, func(m *Message) bool { return m.Sequence <= after })
	messages = mergeMessages(j.inboxes.takeRecovered(r.key, after, c.Last), stored)
	for _, m := range messages {
		if m.Sequence >= c.First {
			m.spilled.Store(c)
		}
	}
	return messages, true, nil
}

// adopt reads the window that a former run left.
func (j *Journal) adopt(r *Record) error {
	in := &j.inboxes
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.windows[r.key]
	if w == nil || w.adopted {
		return nil
	}
	v, ok, err := j.tables.Get(windowKey(r.Group, r.Address), nil)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the row of the waiting messages is missing")
	}
	_, messages, err := decodeChunk(r, v)
	if err != nil {
		return err
	}
	consumed, err := j.consumedTo(r)
	if err != nil {
		return err
	}
	// The window may be ahead of the marker: what the log has, too, is known.
	known := in.recovered[r.key]
	messages = slices.DeleteFunc(messages, func(m *Message) bool {
		_, twice := slices.BinarySearchFunc(known, m.Sequence, compareSequence)
		return twice || m.Sequence <= consumed
	})
	w.adopted = true
	in.unread--
	in.waiting = append(in.waiting, messages...)
	if all := mergeMessages(messages, known); len(all) > 0 {
		in.recovered[r.key] = all
	}
	return nil
}

func compareSequence(m *Message, s Sequence) int { return cmp.Compare(m.Sequence, s) }

// nextChunk finds the first chunk that has messages after a sequence. Chunks
// without any were consumed before a crash and are left to the materializer.
func (j *Journal) nextChunk(r *Record, after Sequence, first bool) (next *Chunk, messages []*Message, err error) {
	prefix := chunkPrefix(r.Group, r.Address)
	low := chunkKey(r.Group, r.Address, after+1)
	if first {
		low = prefix // a chunk may be consumed in part
	}
	scan := j.tables.Scan(low, prefixRange(prefix).High, func(k, v []byte) bool {
		var last Sequence
		if last, messages, err = decodeChunk(r, bytes.Clone(v)); err != nil {
			return false
		}
		c := &Chunk{First: messages[0].Sequence, Last: last, Count: len(messages), key: bytes.Clone(k), address: r.key}
		c = j.inboxes.track(c, false)
		if last > after {
			next = c
			return false
		}
		c.consumed.CompareAndSwap(0, max(1, uint64(j.Durable())))
		return true
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
	recovered = j.inboxes.takeRecovered(r.key, 0, 0)
	kr := prefixRange(chunkPrefix(r.Group, r.Address))
	scan := j.tables.Scan(kr.Low, kr.High, func(k, v []byte) bool {
		var messages []*Message
		var last Sequence
		if last, messages, err = decodeChunk(r, v); err != nil {
			return false
		}
		c := &Chunk{First: messages[0].Sequence, Last: last, Count: len(messages), key: bytes.Clone(k), address: r.key}
		chunks = append(chunks, j.inboxes.track(c, false))
		return true
	})
	return chunks, recovered, errors.Join(scan, err)
}
