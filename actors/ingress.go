package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// ErrOverloaded says that a message was not accepted because too much waits
// already; try again later.
var ErrOverloaded = errors.New("actors: overloaded")

// ErrDiskFull says that a message was not accepted because the disk has less free
// space than the reserve; it is an ErrOverloaded, too.
var ErrDiskFull = fmt.Errorf("%w: too little free disk space", ErrOverloaded)

// ErrTooLarge says that a message exceeds Options.MaxValueBytes.
var ErrTooLarge = errors.New("actors: message too large")

// ErrClosed says that the engine takes nothing any more.
var ErrClosed = errors.New("actors: the node is stopping")

// ingress is how transactions from outside get into the journal.
type ingress struct {
	engine  *Engine
	waiting atomic.Int64 // bytes on their way
	closed  atomic.Bool

	arrivals sync.Pool // to use again

	crowded atomic.Bool // somebody waits for the workers

	mu      sync.Mutex
	roomFor chan struct{} // closed when there may be room
}

// enter accounts for bytes on their way; one message may always go.
func (in *ingress) enter(size int64) bool {
	if sum := in.waiting.Add(size); sum > in.engine.opts.MaxWaitingBytes && sum != size {
		in.waiting.Add(-size)
		return false
	}
	return true
}

func (in *ingress) leave(size int64) { in.waiting.Add(-size) }

func (in *ingress) room() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.roomFor != nil {
		close(in.roomFor)
		in.roomFor = nil
	}
}

func (in *ingress) wait() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.roomFor == nil {
		in.roomFor = make(chan struct{})
	}
	return in.roomFor
}

// What ingresses leave to one worker, what of it waits for the way to disk, and how many
// grains wait for their state is bounded: then they wait.
const (
	maxQueuedBytes   = 8 << 20
	maxSpillingBytes = 16 << 20
	maxLoading       = 16 << 10
)

// crowded reports whether a worker has as much to do as may come from outside;
// room is called when that is over.
func (e *Engine) crowded() bool {
	if !e.overrun() {
		return false
	}
	e.ingress.crowded.Store(true)
	return e.overrun() // a worker that got through just before told nobody
}

func (e *Engine) overrun() bool {
	for _, w := range e.workers {
		if w.queue.size() > maxQueuedBytes || w.spilling.Load() > maxSpillingBytes || w.directory.loading.Load() > maxLoading {
			return true
		}
	}
	return false
}

// relieve lets ingresses go on if no worker has too much to do any more.
func (e *Engine) relieve() {
	if e.ingress.crowded.Load() && !e.overrun() && e.ingress.crowded.Swap(false) {
		e.ingress.room()
	}
}

// appendOutside appends a transaction without a record as soon as there is room.
func (e *Engine) appendOutside(ctx context.Context, tx *persistence.Transaction) error {
	for {
		ch := e.ingress.wait()
		err := persistence.ErrFull
		if !e.crowded() {
			_, err = e.journal.Outside().Append(tx)
		}
		if !errors.Is(err, persistence.ErrFull) {
			return err
		}
		if e.diskFull(tx.Size()) {
			return ErrDiskFull
		}
		select {
		case <-ch:
		case <-e.halted:
			return e.journal.Err()
		case <-e.stopped:
			return e.journal.Err()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrOverloaded, ctx.Err())
		}
	}
}

// arrival is a transaction from outside, and somebody who waits until it is
// durable.
type arrival struct {
	tx   persistence.Transaction
	done chan struct{}
	tell func() // done
}

// arrival is an empty one, for appendDurably.
func (in *ingress) arrival() *arrival {
	if a, ok := in.arrivals.Get().(*arrival); ok {
		return a
	}
	a := &arrival{done: make(chan struct{}, 1)}
	a.tell = func() { a.done <- struct{}{} }
	return a
}

// appendDurably returns once the transaction is durable. If ctx ends first, it
// may become so all the same. The arrival is not the caller's any more.
func (e *Engine) appendDurably(ctx context.Context, a *arrival) error {
	a.tx.Durable = append(a.tx.Durable, a.tell)
	err := e.appendOutside(ctx, &a.tx)
	a.tx.Reset()
	if err != nil {
		e.ingress.arrivals.Put(a)
		return err
	}
	select {
	case <-a.done:
		e.ingress.arrivals.Put(a)
		return nil
	case <-e.halted:
		return e.journal.Err()
	case <-e.stopped:
		return e.journal.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Send accepts a message from outside and returns once it is durable. It is
// refused with ErrUnknownFunction, ErrOverloaded or ErrClosed, or for its size.
func (e *Engine) Send(ctx context.Context, to functions.Address, m functions.Message) error {
	return e.send(ctx, functions.Address{}, to, m)
}

func (e *Engine) send(ctx context.Context, caller, to functions.Address, m functions.Message) error {
	if err := e.admit(to, m); err != nil {
		return err
	}
	size := int64(len(m.Value) + 256)
	if !e.ingress.enter(size) {
		return ErrOverloaded
	}
	defer e.ingress.leave(size)
	e.metrics.sends.Add(1)
	a := e.ingress.arrival()
	a.tx.Sends = append(a.tx.Sends, &persistence.Message{Target: to, Caller: caller, Type: m.Type, Value: m.Value})
	return e.appendDurably(ctx, a)
}

// admit checks a message from outside.
func (e *Engine) admit(to functions.Address, m functions.Message) error {
	switch {
	case e.ingress.closed.Load():
		return ErrClosed
	case m.Err() != nil:
		return m.Err()
	case to.Type == onceType: // what it wraps was checked
		return nil
	case len(m.Value) > e.opts.MaxValueBytes:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, len(m.Value), e.opts.MaxValueBytes)
	}
	if _, err := functions.ParseTypeName(string(m.Type)); err != nil {
		return fmt.Errorf("actors: type of the message: %w", err)
	}
	if m.Type.Namespace() == reservedNamespace {
		return fmt.Errorf("actors: type of the message: the namespace %s is the runtime's own", reservedNamespace)
	}
	if err := to.Validate(); err != nil {
		return err
	}
	if !e.has(to.Type) {
		return unknownFunction(to.Type)
	}
	if e.backlogBytes.Load() > e.opts.MaxBacklogBytes {
		return ErrOverloaded
	}
	if e.spaceLow() {
		return ErrDiskFull
	}
	return nil
}

// spaceLow reports whether the disk has too little space for messages from outside. Of
// those that wait, functions may make as much state, in the log and in the tables: there
// is to be room for that, so that what is in the node ends.
func (e *Engine) spaceLow() bool {
	s := e.journal.Space()
	if s.Level != persistence.SpaceAmple {
		return true
	}
	if s.Reserve == 0 {
		return false
	}
	waiting := int64(0)
	for _, w := range e.workers {
		waiting += w.queue.size() + w.heldBytes.Load()
	}
	return s.Free-s.Owed-2*waiting < s.Reserve
}

// diskFull reports whether an append waits for disk space: that may take long.
func (e *Engine) diskFull(size int) bool {
	return e.journal.Space().Level != persistence.SpaceAmple || !e.journal.Takes(size)
}

// Outgoing is a message from outside and where it goes.
type Outgoing struct {
	To      functions.Address
	Message functions.Message
}

// SendAll accepts several messages from outside, all or none, and returns once
// they are durable.
func (e *Engine) SendAll(ctx context.Context, out []Outgoing) error {
	if len(out) == 0 {
		return nil
	}
	for _, o := range out {
		if err := e.admit(o.To, o.Message); err != nil {
			return err
		}
	}
	a := e.ingress.arrival()
	tx := &a.tx
	for _, o := range out {
		tx.Sends = append(tx.Sends, &persistence.Message{Target: o.To, Type: o.Message.Type, Value: o.Message.Value})
	}
	if len(tx.Sends) > e.opts.MaxSends || tx.Size() > e.opts.MaxTransactionBytes {
		return fmt.Errorf("actors: %d messages of %d bytes at once, at most %d and %d are allowed",
			len(tx.Sends), tx.Size(), e.opts.MaxSends, e.opts.MaxTransactionBytes)
	}
	size := int64(tx.Size())
	if !e.ingress.enter(size) {
		return ErrOverloaded
	}
	defer e.ingress.leave(size)
	e.metrics.sends.Add(uint64(len(out)))
	return e.appendDurably(ctx, a)
}
