package actors

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/statefun-go/statefun/persistence"
)

// quarantined counts the messages in quarantine. Those of former runs are counted
// in the background after the start, in the order of their keys.
type quarantined struct {
	count atomic.Int64

	// mu is held while a message is released and while some are counted.
	mu       sync.Mutex
	former   persistence.Sequence // the highest of a former run
	counted  []byte               // the first key that is not counted yet
	complete atomic.Bool

	// own are the messages of a former run that this one has set aside before all
	// were counted, by key.
	ownLock sync.Mutex
	own     map[string]bool
}

// countTogether is how many are counted while nobody can release one.
const countTogether = 1024

func (q *quarantined) start(e *Engine) {
	q.former = e.journal.Recovered()
	e.background("count quarantined", func() {
		for g := range e.opts.KeyGroups {
			r := persistence.QuarantineRange(persistence.KeyGroup(g))
			for r.Low != nil && !e.egressStopped.Load() {
				if err := q.countSome(e, &r); err != nil {
					e.fail(err)
					return
				}
			}
		}
		q.complete.Store(true)
		q.ownLock.Lock()
		defer q.ownLock.Unlock()
		q.own = nil
	})
}

// added is told of a message before it is set aside.
func (q *quarantined) added(key []byte, s persistence.Sequence) {
	q.count.Add(1)
	if s > q.former || q.complete.Load() {
		return
	}
	q.ownLock.Lock()
	defer q.ownLock.Unlock()
	if q.own == nil {
		q.own = map[string]bool{}
	}
	q.own[string(key)] = true
}

func (q *quarantined) isOwn(key []byte) bool {
	q.ownLock.Lock()
	defer q.ownLock.Unlock()
	return q.own[string(key)]
}

func (q *quarantined) countSome(e *Engine, r *persistence.KeyRange) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	rows, next, err := e.journal.Scan(*r, countTogether)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if persistence.TailSequence(row.Key) <= q.former && !q.isOwn(row.Key) {
			q.count.Add(1)
		}
	}
	if r.Low = next; next == nil {
		next = r.High
	}
	q.counted = next
	return nil
}

// released is called with mu held when a message has left.
func (q *quarantined) released(key []byte, s persistence.Sequence) {
	if s > q.former || q.complete.Load() || q.isOwn(key) || bytes.Compare(key, q.counted) < 0 {
		q.count.Add(-1)
	}
}
