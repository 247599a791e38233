package tables

import (
	"bytes"
	"sync"

	"github.com/tidwall/btree"
)

// Memory is a deterministic implementation: an ordered map, of which a crash
// leaves what some earlier batch had left.
type Memory struct {
	mu      sync.RWMutex
	live    *btree.BTreeG[pair]
	durable *btree.BTreeG[pair]
	unsaved []*btree.BTreeG[pair] // the map after each batch since the flush
	crashes bool
}

type pair struct {
	key, value []byte
}

// NewMemory returns empty tables. If crashes is set it keeps what Crash needs.
func NewMemory(crashes bool) *Memory {
	less := func(a, b pair) bool { return bytes.Compare(a.key, b.key) < 0 }
	m := btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
	return &Memory{live: m, durable: m.Copy(), crashes: crashes}
}

// Crash forgets all batches after the flush except the first keep of them.
func (t *Memory) Crash(keep int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = t.durable.Copy()
	if keep = min(keep, len(t.unsaved)); keep > 0 {
		t.live = t.unsaved[keep-1]
	}
	t.durable = t.live.Copy()
	t.unsaved = nil
}

// Unsaved returns the number of batches that Crash can choose from.
func (t *Memory) Unsaved() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.unsaved)
}

// Get implements Tables.
func (t *Memory) Get(key, dst []byte) ([]byte, bool, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, ok := t.live.Get(pair{key: key})
	return append(dst, p.value...), ok, nil
}

// GetAll implements Tables.
func (t *Memory) GetAll(keys []string, visit func(i int, value []byte)) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i, k := range keys {
		if p, ok := t.live.Get(pair{key: []byte(k)}); ok {
			visit(i, p.value)
		}
	}
	return nil
}

// Scan implements Tables.
func (t *Memory) Scan(low, high []byte, visit func(key, value []byte) bool) error {
	t.mu.Lock()
	snapshot := t.live.Copy()
	t.mu.Unlock()
	snapshot.Ascend(pair{key: low}, func(p pair) bool {
		return (high == nil || bytes.Compare(p.key, high) < 0) && visit(p.key, p.value)
	})
	return nil
}

// Apply implements Tables.
func (t *Memory) Apply(b *Batch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range b.ops {
		t.apply(&b.ops[i])
	}
	if t.crashes {
		t.unsaved = append(t.unsaved, t.live.Copy())
	}
	return nil
}

func (t *Memory) apply(o *op) {
	switch o.kind {
	case opSet:
		t.live.Set(pair{bytes.Clone(o.key), bytes.Clone(o.value)})
	case opDelete:
		t.live.Delete(pair{key: o.key})
	case opClear:
		var gone [][]byte
		t.live.Ascend(pair{key: o.key}, func(p pair) bool {
			in := bytes.Compare(p.key, o.value) < 0
			if in {
				gone = append(gone, p.key)
			}
			return in
		})
		for _, k := range gone {
			t.live.Delete(pair{key: k})
		}
	}
}

// Flush implements Tables.
func (t *Memory) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.durable, t.unsaved = t.live.Copy(), nil
	return nil
}

// Flushed implements Tables.
func (t *Memory) Flushed(key []byte) ([]byte, bool, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, ok := t.durable.Get(pair{key: key})
	return p.value, ok, nil
}

// Owed implements Tables. Nothing is on a disk.
func (t *Memory) Owed() int64 { return 0 }

// Behind implements Tables.
func (t *Memory) Behind() bool { return false }

// Metrics implements Tables.
func (t *Memory) Metrics() Metrics { return Metrics{} }

// Files implements Tables.
func (t *Memory) Files() ([]File, error) { return nil, nil }

// Verify implements Tables.
func (t *Memory) Verify(File) error { return nil }

// Close implements Tables.
func (t *Memory) Close() error { return nil }
