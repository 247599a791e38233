package persistence

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// overlay is what is durable but not yet in the tables.
type overlay struct {
	mu     sync.RWMutex
	active *generation
	frozen *generation // nil unless the materializer works on it
}

// generation is the coalesced content of consecutive batches. Absence is an
// entry too: what it says hides the tables.
type generation struct {
	number  uint64
	last    BatchNumber // the newest batch in it
	records map[string]*recordEntry
	rows    *btree.BTreeG[Row]
	clears  []KeyRange
	bytes   int64 // of log payload
	upTo    int64 // of log payload since the journal was opened, up to last
	memory  int64 // bytes that it takes, about
}

type recordEntry struct {
	value []byte
}

// What an entry takes beside its key and value: its place in the map or the
// B-tree, headers, and room for growth.
const (
	recordOverhead = 144
	rowOverhead    = 112
)

func newGeneration(number uint64) *generation {
	less := func(a, b Row) bool { return bytes.Compare(a.Key, b.Key) < 0 }
	return &generation{
		number:  number,
		records: map[string]*recordEntry{},
		rows:    btree.NewBTreeGOptions(less, btree.Options{NoLocks: true}),
	}
}

// setRecord is called with mu held.
func (o *overlay) setRecord(r *Record, value []byte) {
	if r.generation != o.active.number {
		r.entry, r.generation = o.active.entry(r.key), o.active.number
	}
	was := cap(r.entry.value)
	r.entry.value = append(r.entry.value[:0], value...)
	o.active.memory += int64(cap(r.entry.value) - was)
}

func (g *generation) entry(key string) *recordEntry {
	e := g.records[key]
	if e == nil {
		e = &recordEntry{}
		g.records[key] = e
		g.memory += int64(recordOverhead + len(key))
	}
	return e
}

func (g *generation) setRow(r Row) {
	old, replaced := g.rows.Set(r)
	g.memory += int64(len(r.Value) - len(old.Value))
	if !replaced {
		g.memory += int64(rowOverhead + len(r.Key))
	}
}

// record returns a copy of what the overlay says of a record.
func (o *overlay) record(key string) ([]byte, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, g := range o.generations() {
		if e := g.records[key]; e != nil {
			return bytes.Clone(e.value), true
		}
	}
	return nil, false
}

// recordsOf returns the keys of a group's records in the overlay, and which of
// them are empty.
func (o *overlay) recordsOf(g KeyGroup) map[string]bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	prefix, out := string(groupKey(g, sectionAddress)), map[string]bool{}
	for _, gen := range slices.Backward(o.generations()) {
		for key, e := range gen.records {
			if strings.HasPrefix(key, prefix) {
				out[key] = isEmptyRecord(e.value)
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
	o.active = newGeneration(o.frozen.number + 1)
	o.active.last, o.active.upTo = o.frozen.last, o.frozen.upTo
	return o.frozen
}

// thaw forgets the frozen generation: the tables show it now.
func (o *overlay) thaw() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frozen = nil
}
