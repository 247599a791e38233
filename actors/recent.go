package actors

import (
	"bytes"
	"sync"

	"github.com/tidwall/btree"

	"github.com/statefun-go/statefun/persistence"
)

// recent holds a worker's changes of rows that reads of the journal may not show
// yet, because the batch is not durable. Invocations off the worker read it too.
type recent struct {
	mu      sync.RWMutex
	rows    *btree.BTreeG[recentRow]
	version uint64
	fresh   []recentRow    // staged, not appended yet
	pending []recentWrites // appended, by batch
}

type recentRow struct {
	persistence.Row
	version uint64
}

type recentWrites struct {
	batch persistence.BatchNumber
	rows  []recentRow
}

func newRecent() *recent {
	less := func(a, b recentRow) bool { return bytes.Compare(a.Key, b.Key) < 0 }
	return &recent{rows: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// add takes rows of a transaction that has been staged. Timers are left out: they
// are read when they are durable, and only then.
func (r *recent) add(rows []persistence.Row) {
	if len(rows) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, row := range rows {
		if persistence.IsTimerKey(row.Key) {
			continue
		}
		r.version++
		rr := recentRow{row, r.version}
		r.rows.Set(rr)
		r.fresh = append(r.fresh, rr)
	}
}

// settle says that all rows so far are in batch n or an earlier one.
func (r *recent) settle(n persistence.BatchNumber) {
	if len(r.fresh) > 0 {
		r.pending = append(r.pending, recentWrites{n, r.fresh})
		r.fresh = nil
	}
}

// prune forgets what the journal shows.
func (r *recent) prune(durable persistence.BatchNumber) {
	if len(r.pending) == 0 || r.pending[0].batch > durable {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.pending) > 0 && r.pending[0].batch <= durable {
		for _, row := range r.pending[0].rows {
			if now, ok := r.rows.Get(row); ok && now.version == row.version {
				r.rows.Delete(row)
			}
		}
		r.pending = r.pending[1:]
	}
}

func (r *recent) get(key []byte) (persistence.Row, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	row, ok := r.rows.Get(recentRow{Row: persistence.Row{Key: key}})
	return row.Row, ok
}

func (r *recent) scan(kr persistence.KeyRange) []persistence.Row {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []persistence.Row
	r.rows.Ascend(recentRow{Row: persistence.Row{Key: kr.Low}}, func(row recentRow) bool {
		in := kr.High == nil || bytes.Compare(row.Key, kr.High) < 0
		if in {
			out = append(out, row.Row)
		}
		return in
	})
	return out
}
