package persistence

import (
	"bytes"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// overlay is what is durable but not yet in the tables.
type overlay struct {
	whole  sync.Mutex // held while active has a part of a batch; before mu
	mu     sync.RWMutex
	active *generation
	frozen *generation // nil unless the materializer works on it
	// settled are the records of the last frozen ones, the newest first: the tables
	// show them, but here they are found sooner. spare is the memory of one before.
	settled  []recordTable
	spare    recordTable
	seed     maphash.Seed  // of all their hashes
	touched  atomic.Uint32 // means nothing, and keeps the compiler from leaving touches out
	replayed [][]byte      // while the journal is opened
	ahead    [lookAhead]hashedKey
}

// lookAhead is how many records are looked for together, so that the misses of
// the cache overlap.
const lookAhead = 16

type hashedKey struct {
	key  []byte
	hash uint32
}

func (o *overlay) init() {
	o.seed = maphash.MakeSeed()
	o.active, o.spare = newGeneration(1, newRecordTable(o.seed)), newRecordTable(o.seed)
}

// generation is the coalesced content of consecutive batches. Absence is an
// entry too: what it says hides the tables.
type generation struct {
	number   uint32      // grows, and may start over
	last     BatchNumber // the newest batch in it
	records  recordTable
	rows     *btree.BTreeG[Row]
	clears   []KeyRange
	bytes    int64 // of log payload
	upTo     int64 // of log payload since the journal was opened, up to last
	rowBytes int64 // that rows take, about
	// Of bytes and weight, what the start has found in the log.
	foundBytes, foundWeight int64
}

// rowOverhead is what a row takes beside its key and value: its place in the
// B-tree, headers, and room for growth.
const rowOverhead = 112

func newGeneration(number uint32, records recordTable) *generation {
	less := func(a, b Row) bool { return bytes.Compare(a.Key, b.Key) < 0 }
	return &generation{
		number:  number,
		records: records,
		rows:    btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
	}
}

// size is how many bytes of log payload it stands for.
func (o *overlay) size() int64 {
	o.mu.RLock()
	defer o.mu.RUnlock()
	n := o.active.bytes
	if o.frozen != nil {
		n += o.frozen.bytes
	}
	return n
}

// take takes a batch whose payload has so many bytes. Who reads meanwhile finds each
// record as it was or as it is. If there are rows, which may belong to one, it finds
// nothing of the batch or all of it.
func (o *overlay) take(b *batch, size int64) {
	o.whole.Lock()
	defer o.whole.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active.last = b.number
	o.active.bytes += size
	o.active.upTo += size
	rows := false
	for _, p := range b.parts {
		rows = rows || len(p.rows)+len(p.clears) > 0
	}
	for _, p := range b.parts {
		o.setRecords(p, !rows)
		for i := range p.rows {
			o.active.setRow(p.rows[i])
		}
		o.active.clears = append(o.active.clears, p.clears...)
	}
}

// setRecords takes the records of a part of a batch. It is called with mu held, and
// lets others in between if it may.
func (o *overlay) setRecords(p *batchPart, between bool) {
	const together = 32 * lookAhead
	for i := 0; i < len(p.slots); i += lookAhead {
		if between && i > 0 && i%together == 0 {
			o.mu.Unlock()
			o.mu.Lock()
		}
		o.setSome(p, p.slots[i:min(i+lookAhead, len(p.slots))])
	}
}

// setSome takes at most lookAhead records.
//
// The place that a slot knows may be outdated; then the key is put together from
// what the slot has. The record itself, which its worker is using, is not read.
func (o *overlay) setSome(p *batchPart, slots []slot) {
	g := o.active
	for i := range slots {
		s, h := &slots[i], &o.ahead[i]
		if _, ok := g.at(s.place); !ok {
			h.key = appendRecordKey(h.key[:0], s.group, p.names.names[s.name], p.image[s.id:s.idEnd])
			h.hash = g.records.hash(h.key)
		}
	}
	for i := range slots {
		if entry, ok := g.at(slots[i].place); ok {
			g.records.touch(entry)
		} else {
			g.records.touchHash(o.ahead[i].hash)
		}
	}
	for i := range slots {
		s, h := &slots[i], &o.ahead[i]
		entry, ok := g.at(s.place)
		if !ok {
			entry = g.records.addHashed(h.key, h.hash)
			atomic.StoreUint64(&s.record.place, uint64(g.number)<<32|uint64(entry)) //nolint:gosec // see hashIndex.mask
		}
		g.records.set(entry, p.image[s.value:s.valueEnd])
	}
}

// setReplayed takes the records that were replayed last: their keys are ahead, their
// values in replayed.
func (o *overlay) setReplayed() {
	t := &o.active.records
	for i := range o.replayed {
		h := &o.ahead[i]
		h.hash = t.hash(h.key)
		t.touchHash(h.hash)
	}
	for i, value := range o.replayed {
		t.set(t.addHashed(o.ahead[i].key, o.ahead[i].hash), value)
	}
	clear(o.replayed)
	o.replayed = o.replayed[:0]
}

// at returns the entry at a place, if that is in this generation.
func (g *generation) at(place uint64) (int, bool) {
	number, entry := uint32(place>>32), uint32(place) //nolint:gosec // its two halves
	return int(entry), number == g.number
}

// weight is about how many bytes the generation takes. Records count for a third:
// they are in an arena, where the garbage collector does not look at them.
func (g *generation) weight() int64 { return g.rowBytes + int64(g.records.memory())/3 }

// noteFound says that all there is was found in the log.
func (g *generation) noteFound() { g.foundBytes, g.foundWeight = g.bytes, g.weight() }

func (g *generation) setRow(r Row) {
	old, replaced := g.rows.Set(r)
	g.rowBytes += int64(len(r.Value) - len(old.Value))
	if !replaced {
		g.rowBytes += int64(rowOverhead + len(r.Key))
	}
}

// record returns a copy of what the overlay says of a record.
func (o *overlay) record(key string) ([]byte, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	v, ok := o.find(key)
	return bytes.Clone(v), ok
}

// find is record without a copy. It is called with mu held.
func (o *overlay) find(key string) ([]byte, bool) {
	return o.findHashed(key, hashKey(o.seed, key))
}

// findAll is find for several records.
func (o *overlay) findAll(records []*Record, visit func(i int, value []byte, ok bool)) {
	var hashes [lookAhead]uint32
	touched := uint32(0)
	for first := 0; first < len(records); first += lookAhead {
		some := records[first:min(first+lookAhead, len(records))]
		for i, r := range some {
			hashes[i] = hashKey(o.seed, r.key)
		}
		for t := range o.tables() {
			for _, h := range hashes[:len(some)] {
				touched += t.index.touch(h)
			}
		}
		for t := range o.tables() {
			for _, h := range hashes[:len(some)] {
				touched += t.near(h)
			}
		}
		for i, r := range some {
			v, ok := o.findHashed(r.key, hashes[i])
			visit(first+i, v, ok)
		}
	}
	o.touched.Store(touched)
}

func (o *overlay) findHashed(key string, hash uint32) ([]byte, bool) {
	for _, g := range [...]*generation{o.active, o.frozen} {
		if g == nil {
			continue
		}
		if i := g.records.findHashed(key, hash); i >= 0 {
			return g.records.value(i), true
		}
	}
	for s := range o.settled {
		t := &o.settled[s]
		if i := t.findHashed(key, hash); i >= 0 {
			// The tables may have forgotten an empty record.
			return t.value(i), !isEmptyRecord(t.value(i))
		}
	}
	return nil, false
}

// tables are all that have records, the newest first.
func (o *overlay) tables() iter.Seq[*recordTable] {
	return func(yield func(*recordTable) bool) {
		for _, g := range o.generations() {
			if !yield(&g.records) {
				return
			}
		}
		for i := range o.settled {
			if !yield(&o.settled[i]) {
				return
			}
		}
	}
}

// recordsOf returns the keys of a group's records in the overlay, and which of
// them are empty.
func (o *overlay) recordsOf(g KeyGroup) map[string]bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	prefix, out := groupKey(g, sectionAddress), map[string]bool{}
	for _, gen := range slices.Backward(o.generations()) {
		for i := range gen.records.len() {
			if key := gen.records.key(i); bytes.HasPrefix(key, prefix) {
				out[string(key)] = isEmptyRecord(gen.records.value(i))
			}
		}
	}
	return out
}

// row returns what the overlay says of a row.
func (o *overlay) row(key []byte) (Row, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, g := range o.generations() {
		if r, ok := g.rows.Get(Row{Key: key}); ok {
			return r, true
		}
	}
	return Row{}, false
}

// generations lists them newest first.
func (o *overlay) generations() []*generation {
	if o.frozen == nil {
		return []*generation{o.active}
	}
	return []*generation{o.active, o.frozen}
}

// rows returns up to limit rows of a range in order, deleted ones included.
func (o *overlay) rows(r KeyRange, limit int) []Row {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.frozen == nil {
		return o.active.scan(r, limit)
	}
	return mergeRows(o.active.scan(r, limit), o.frozen.scan(r, limit), limit)
}

func (g *generation) scan(r KeyRange, limit int) []Row {
	var rows []Row
	g.rows.Ascend(Row{Key: r.Low}, func(row Row) bool {
		if len(rows) == limit || r.High != nil && bytes.Compare(row.Key, r.High) >= 0 {
			return false
		}
		rows = append(rows, row)
		return true
	})
	return rows
}

// mergeRows merges two ordered lists of at most limit rows; of equal keys the
// newer's row counts.
func mergeRows(newer, older []Row, limit int) []Row {
	out := make([]Row, 0, min(limit, len(newer)+len(older)))
	for len(newer) > 0 && len(older) > 0 && len(out) < limit {
		switch c := bytes.Compare(newer[0].Key, older[0].Key); {
		case c > 0:
			out, older = append(out, older[0]), older[1:]
		case c == 0:
			out, newer, older = append(out, newer[0]), newer[1:], older[1:]
		default:
			out, newer = append(out, newer[0]), newer[1:]
		}
	}
	// At most one list is left. A list that was cut off at limit filled out
	// before it ran dry, so nothing is skipped here.
	out = append(out, newer[:min(len(newer), limit-len(out))]...)
	return append(out, older[:min(len(older), limit-len(out))]...)
}

// freeze begins a new generation and returns the old one for the materializer.
// It is called with mu held and nothing frozen.
func (o *overlay) freeze() *generation {
	o.frozen = o.active
	o.active = newGeneration(max(1, o.frozen.number+1), o.spare)
	o.spare = newRecordTable(o.seed)
	o.active.last, o.active.upTo = o.frozen.last, o.frozen.upTo
	return o.frozen
}

// thaw settles the frozen generation: the tables show it now.
func (o *overlay) thaw() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settled = slices.Insert(o.settled, 0, o.frozen.records)
	o.frozen = nil
	for kept, memory := 0, 0; kept < len(o.settled); kept++ {
		if memory += o.settled[kept].room(); memory > maxSettled || kept == mostSettled {
			o.spare = o.settled[kept]
			clear(o.settled[kept:])
			o.settled = o.settled[:kept]
		}
	}
	if len(o.settled) > 0 && 8*o.active.records.len() < o.settled[0].len() {
		o.spare = newRecordTable(o.seed) // little happens: the next generation will not need as much
	}
	o.spare.reset()
}

// cached is how many bytes are kept for reads to be faster, and for the next generation.
func (o *overlay) cached() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	n := o.spare.room()
	for i := range o.settled {
		n += o.settled[i].room()
	}
	return n
}

// forget gives back what makes reads faster: nothing happens.
func (o *overlay) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settled, o.spare = nil, newRecordTable(o.seed)
}

// Of settled records there are at most so many bytes, and so many generations.
const (
	maxSettled  = 128 << 20
	mostSettled = 4
)
