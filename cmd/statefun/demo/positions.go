package demo

import (
	"context"
	"sync"
)

// positions hands out the positions of the generator, each once, and notes which
// of them are settled. It begins with those that an earlier run may have sent.
//
// Its invariant is that of the notes on the disk: settled ≤ every position that is
// handed out and not settled < reserved.
//
// All methods are safe for concurrent use. The goroutine that runs keepReserving
// is the only one that writes the notes while it runs.
type positions struct {
	path   string
	window uint64 // positions reserved at a time
	again  uint64 // those before it may have been sent by an earlier run
	low    chan struct{}

	mu       sync.Mutex
	notes    notes               // as on the disk, but for Settled, which is ahead of it
	next     uint64              // handed out next
	above    map[uint64]struct{} // settled, beyond notes.Settled
	reserved chan struct{}       // closed and replaced when more are reserved
	err      error
}

func newPositions(path string, n notes, window uint64) *positions {
	return &positions{
		path: path, window: window, again: n.Reserved, low: make(chan struct{}, 1),
		notes: n, next: n.Settled, above: map[uint64]struct{}{}, reserved: make(chan struct{}),
	}
}

// take returns the next position. It waits until that is reserved, and returns an
// error if it can't be, or ctx ends first.
func (p *positions) take(ctx context.Context) (uint64, error) {
	for {
		position, ok, wait, err := p.tryTake()
		if ok || err != nil {
			return position, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (p *positions) tryTake() (position uint64, ok bool, wait <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isLow() {
		select {
		case p.low <- struct{}{}:
		default:
		}
	}
	if p.err != nil || p.next == p.notes.Reserved {
		return 0, false, p.reserved, p.err
	}
	p.next++
	return p.next - 1, true, nil, nil
}

func (p *positions) isLow() bool { return p.notes.Reserved-p.next <= p.window/2 }

// left reports whether positions of an earlier run are left to be handed out.
func (p *positions) left() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next < p.again
}

// wasSent reports whether an earlier run may have sent a position.
func (p *positions) wasSent(position uint64) bool { return position < p.again }

// settle says that the transaction at a position is accepted, and all that belongs
// to it.
func (p *positions) settle(position uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.above[position] = struct{}{}
	for {
		if _, ok := p.above[p.notes.Settled]; !ok {
			return
		}
		delete(p.above, p.notes.Settled)
		p.notes.Settled++
	}
}

// accepted is the number of positions that are settled, those of all earlier runs
// included. unsettled is how many were handed out, or may have been sent by an
// earlier run, and are not.
func (p *positions) accepted() (accepted, unsettled uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	accepted = p.notes.Settled + uint64(len(p.above))
	return accepted, max(p.next, p.again) - accepted
}

// end is the position from which on none was ever sent.
func (p *positions) end() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.next, p.again)
}

// keepReserving reserves positions before they are needed, until ctx ends.
func (p *positions) keepReserving(ctx context.Context) {
	for {
		select {
		case <-p.low:
			p.reserve()
		case <-ctx.Done():
			return
		}
	}
}

// reserve reserves one more window, if that is needed.
func (p *positions) reserve() {
	p.mu.Lock()
	n, enough := p.notes, !p.isLow()
	p.mu.Unlock()
	if enough { // it was asked for again while the last one was being written
		return
	}
	n.Reserved += p.window
	err := n.write(p.path)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.notes.Reserved = n.Reserved
	}
	p.err = err
	close(p.reserved)
	p.reserved = make(chan struct{})
}

// close gives back what was reserved and not used. Nothing may be taken any more,
// and keepReserving must have ended. It returns what was wrong with the notes.
func (p *positions) close() error {
	end := p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.notes.Reserved = end
	return p.notes.write(p.path)
}
