package actors

import (
	"sync"
	"sync/atomic"

	"github.com/statefun-go/statefun/persistence"
)

// queue is where a worker's messages and events wait, in order of arrival.
type queue struct {
	mu       sync.Mutex
	messages []delivery
	events   []func(*worker)
	bytes    int64                // of messages
	sequence persistence.Sequence // the last one given out
	shown    atomic.Int64         // bytes, for those who do not hold mu
	_        [64]byte             // queues do not share cache lines
}

// delivery is a message on its way to its grain.
type delivery struct {
	hash    uint64 // of the target, by which the directory finds it
	message *persistence.Message
}

// push numbers a message and queues it. The sequence grows with the order of the
// queue, and the appender's shard is held: so it grows with the batches too. It is
// called with mu held.
func (q *queue) push(d delivery) {
	q.sequence++
	d.message.Sequence = q.sequence
	q.messages = append(q.messages, d)
	q.bytes += int64(d.message.Size())
}

func (q *queue) post(events ...func(*worker)) {
	q.mu.Lock()
	q.events = append(q.events, events...)
	q.mu.Unlock()
}

// next gives out a sequence for something that is not a message.
func (q *queue) next() persistence.Sequence {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sequence++
	return q.sequence
}

func (q *queue) highest() persistence.Sequence {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sequence
}

// take swaps what is queued against empty slices to fill.
func (q *queue) take(messages []delivery, events []func(*worker)) ([]delivery, []func(*worker)) {
	q.mu.Lock()
	messages, q.messages = q.messages, messages[:0]
	events, q.events = q.events, events[:0]
	q.bytes = 0
	q.shown.Store(0)
	q.mu.Unlock()
	return messages, events
}

// size is what the queued messages take. It needs no lock.
func (q *queue) size() int64 { return q.shown.Load() }

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)+len(q.events) == 0
}
