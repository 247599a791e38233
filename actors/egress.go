package actors

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Sink is where an egress's records go. Its methods are called one at a time.
type Sink interface {
	// Open is called once before anything else, with the position that was
	// journaled last, nil if none ever was. A sink that can, goes back to it:
	// then every record arrives exactly once.
	Open(position []byte) error
	// Deliver takes records in order and returns once they are safe where they
	// go, with the position after them. After an error the same records come
	// again, perhaps more of them.
	Deliver(ctx context.Context, records []persistence.EgressRecord) (position []byte, err error)
	// Close may be called while nothing else is.
	Close() error
}

// egressQueues are the queues in front of the sinks, one for each egress.
type egressQueues struct {
	engine *Engine
	byName map[functions.TypeName]*egressQueue
}

// egressQueue hands the durable records of one egress to its sink. The queue is
// rows; memory has a window of its head.
type egressQueue struct {
	engine *Engine
	name   functions.TypeName
	sink   Sink
	task   environment.Task
	last   persistence.Sequence // delivered
	failed int                  // attempts in a row
	ended  bool                 // the journal has stopped: the next start goes on from its position

	mu      sync.Mutex
	window  []persistence.EgressRecord
	bytes   int
	skipped uint64 // counts records that did not fit
	behind  bool   // rows hold records that are not in the window
	inHand  bool   // the sink has got some that are not acknowledged
}

const (
	egressWindow      = 4096
	egressWindowBytes = 4 << 20
	egressTogether    = 1024
)

func (q *egressQueues) open(sinks map[functions.TypeName]Sink) error {
	q.byName = map[functions.TypeName]*egressQueue{}
	for name, sink := range sinks {
		position, _, err := q.engine.journal.Get(positionKey(name))
		if err != nil {
			return err
		}
		if err := sink.Open(position); err != nil {
			return fmt.Errorf("egress %s: %w", name, err)
		}
		q.byName[name] = &egressQueue{engine: q.engine, name: name, sink: sink, behind: true}
	}
	for name, eq := range q.byName {
		eq.task = q.engine.task("egress "+string(name), eq.step)
	}
	return nil
}

func (q *egressQueues) wake() {
	for _, eq := range q.byName {
		eq.task.Wake()
	}
}

func positionKey(name functions.TypeName) []byte {
	return persistence.MetaKey("egress position/" + string(name))
}

// released takes the records of a batch that has become durable.
func (q *egressQueues) released(records []persistence.EgressRecord) {
	for i := range records {
		if eq := q.byName[records[i].Egress]; eq != nil {
			eq.push(records[i])
		}
	}
}

func (q *egressQueue) push(r persistence.EgressRecord) {
	q.mu.Lock()
	if q.behind || len(q.window) >= q.engine.opts.egressWindow || q.bytes >= egressWindowBytes {
		q.behind = true
		q.skipped++
	} else {
		q.window = append(q.window, r)
		q.bytes += len(r.Value)
	}
	q.mu.Unlock()
	q.task.Wake()
}

// step delivers some records.
func (q *egressQueue) step() bool {
	if q.ended || q.engine.egressStopped.Load() {
		return false
	}
	records, err := q.next()
	if err != nil {
		q.ended = true
		q.engine.fail(err)
		return false
	}
	if len(records) == 0 {
		return false
	}
	position, err := q.sink.Deliver(q.engine.asyncContext, records)
	if err != nil {
		q.again(records, err)
		return false
	}
	if err := q.acknowledge(records, position); err != nil {
		q.ended = true
		return false
	}
	q.failed = 0
	q.mu.Lock()
	q.inHand = false
	q.mu.Unlock()
	return true
}

// next takes the records to deliver out of the window or, where memory fell
// behind, out of the journal.
func (q *egressQueue) next() ([]persistence.EgressRecord, error) {
	records, behind, skipped := q.take()
	if len(records) > 0 {
		return records, nil
	}
	if !behind {
		return nil, nil
	}
	r := persistence.EgressRange(q.name)
	r.Low = persistence.EgressKey(q.name, q.last+1)
	for {
		rows, next, err := q.engine.journal.Scan(r, egressTogether)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 && next == nil {
			q.caughtUp(skipped)
			return nil, nil
		}
		if len(rows) > 0 {
			return decodeRecords(q.name, rows)
		}
		r.Low = next
	}
}

// take takes what the window has, without what was read out of the journal
// already: a record is readable a moment before it is released.
func (q *egressQueue) take() (records []persistence.EgressRecord, behind bool, skipped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	records = q.window
	for len(records) > 0 && records[0].Sequence <= q.last {
		records = records[1:]
	}
	q.window, q.bytes, q.inHand = nil, 0, len(records) > 0
	return records, q.behind, q.skipped
}

// caughtUp says that the journal has nothing more, unless something was skipped
// since we looked.
func (q *egressQueue) caughtUp(skipped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.behind = q.skipped != skipped
	if q.behind {
		q.task.Wake()
	}
}

func decodeRecords(name functions.TypeName, rows []persistence.Row) ([]persistence.EgressRecord, error) {
	records := make([]persistence.EgressRecord, len(rows))
	for i, row := range rows {
		r, err := persistence.DecodeEgress(name, row)
		if err != nil {
			return nil, err
		}
		records[i] = r
	}
	return records, nil
}

// acknowledge journals the position and the end of the records' wait in one
// transaction.
func (q *egressQueue) acknowledge(records []persistence.EgressRecord, position []byte) error {
	tx := &persistence.Transaction{Rows: make([]persistence.Row, 0, len(records)+1)}
	for i := range records {
		tx.Rows = append(tx.Rows, persistence.Row{Key: persistence.EgressKey(q.name, records[i].Sequence), Delete: true})
	}
	if position != nil {
		tx.Rows = append(tx.Rows, persistence.Row{Key: positionKey(q.name), Value: position})
	}
	if err := q.engine.journal.Outside().AppendNow(tx); err != nil {
		return err
	}
	q.last = records[len(records)-1].Sequence
	return nil
}

// again puts records back and tries them after a pause.
func (q *egressQueue) again(records []persistence.EgressRecord, err error) {
	q.failed++
	q.mu.Lock()
	q.window, q.inHand = append(records, q.window...), false
	q.mu.Unlock()
	q.engine.opts.Logger.Warn("egress failed, its records wait", "egress", string(q.name), "attempt", q.failed, "error", err)
	q.engine.env.Clock.AfterFunc(q.engine.opts.backoff(q.failed), q.task.Wake)
}

// HandlerSink calls a Go function for each record, at least once: the function
// acknowledges by returning nil.
type HandlerSink func(ctx context.Context, r persistence.EgressRecord) error

// Open implements Sink.
func (HandlerSink) Open([]byte) error { return nil }

// Deliver implements Sink.
func (h HandlerSink) Deliver(ctx context.Context, records []persistence.EgressRecord) ([]byte, error) {
	for _, r := range records {
		if err := h(ctx, r); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// Close implements Sink.
func (HandlerSink) Close() error { return nil }

// drained reports whether the queue has delivered everything.
func (q *egressQueue) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.window) == 0 && !q.behind && !q.inHand
}

func (q *egressQueues) close() error {
	var first error
	for _, eq := range q.byName {
		eq.task.Stop()
		if err := eq.sink.Close(); err != nil && first == nil {
			first = fmt.Errorf("egress %s: %w", eq.name, err)
		}
	}
	return first
}

const drainPoll = 2 * time.Millisecond
