package endpoint

import (
	"container/list"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	never = int64(math.MaxInt64) // pool time
	// Connections that were idle for longer are looked at before they are used.
	idleCheck = 100 * time.Millisecond
	// The jitter of a connection's age, as in StateFun.
	minJitter, maxJitter = time.Second, 3 * time.Second
	// What is left of the time that a server says it keeps idle connections, so that
	// it does not close one under a request.
	keepAliveMargin = time.Second
)

// pool has the connections to one host, at most a fixed number. The last one used
// is the first one used again, so those that are not needed grow old.
//
// One timer serves all deadlines: of requests under way and of idle connections. It
// is set for the earliest when it was last looked at; a request that takes its
// connection later only compares its deadline with that. As later requests have
// later deadlines, it fires about once per time-out, however many requests there are.
type pool struct {
	dialer *dialer
	limits limits
	size   int
	ttl    time.Duration // negative: none
	dials  time.Duration // time-out of a connection
	places places        // of connections
	epoch  time.Time     // where pool time begins

	armed atomic.Int64 // when the timer fires, in pool time

	closed atomic.Bool // set with the lock

	mu       sync.Mutex
	idle     []*conn
	all      map[*conn]struct{}
	dialing  int
	cancels  map[*context.CancelCauseFunc]struct{} // of those that are dialing
	waiting  *list.List                            // of chan *conn
	timer    *time.Timer
	released chan struct{} // closed when all is gone after Close
}

func newPool(cfg *Config, d *dialer) *pool {
	p := &pool{
		dialer: d, limits: limits{head: cfg.MaxHeaderBytes, body: cfg.MaxPayloadBytes},
		size: cfg.PoolSize, ttl: cfg.PoolTTL, dials: cfg.Connect, places: places{cfg.places}, epoch: time.Now(),
		all: make(map[*conn]struct{}), cancels: make(map[*context.CancelCauseFunc]struct{}),
		waiting: list.New(), released: make(chan struct{}),
	}
	p.armed.Store(never)
	return p
}

// now is the pool's time.
func (p *pool) now() int64 { return int64(time.Since(p.epoch)) }

// connectError is an error of making a connection.
type connectError struct{ err error }

func (e connectError) Error() string { return e.err.Error() }
func (e connectError) Unwrap() error { return e.err }

// get returns a connection that is the caller's until put or drop: an idle one, unless
// fresh is wanted, or a new one, or, if there are as many as there may be, the next
// that becomes free.
func (p *pool) get(ctx context.Context, t *target, deadline int64, fresh bool) (*conn, error) {
	for {
		p.mu.Lock()
		if p.closed.Load() {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		n := len(p.idle)
		if n == 0 || fresh {
			break
		}
		c := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if p.isGood(c) {
			return c, nil
		}
		p.drop(c)
	}
	if p.mayConnect() {
		p.dialing++
		p.mu.Unlock()
		return p.connect(ctx, t, deadline)
	}
	turn := make(chan *conn, 1)
	place := p.waiting.PushBack(turn)
	p.mu.Unlock()
	return p.wait(ctx, t, deadline, turn, place)
}

// mayConnect takes what it takes to make one more connection. It is called with the lock.
func (p *pool) mayConnect() bool {
	n := len(p.all) + p.dialing
	return n < p.size && p.places.take(n)
}

// isGood reports whether an idle connection can be used.
func (p *pool) isGood(c *conn) bool {
	now := p.now()
	if now >= c.expires {
		return false
	}
	return now-c.idleSince < int64(idleCheck) || c.socket == nil || isQuiet(c.socket)
}

// wait waits for its turn: a connection, or nil to make one.
func (p *pool) wait(ctx context.Context, t *target, deadline int64, turn chan *conn, place *list.Element) (*conn, error) {
	timer := time.NewTimer(time.Duration(deadline - p.now()))
	defer timer.Stop()
	var err error
	select {
	case c, ok := <-turn:
		switch {
		case !ok:
			return nil, ErrClosed
		case c != nil:
			return c, nil
		}
		return p.connect(ctx, t, deadline)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = errNoTurn
	}
	p.mu.Lock()
	p.waiting.Remove(place) // nothing, if its turn has come
	p.mu.Unlock()
	select {
	case c, ok := <-turn: // too late
		switch {
		case c != nil:
			p.put(c)
		case ok:
			p.give()
		}
	default:
	}
	return nil, err
}

// connect makes a connection in a place that the caller has.
func (p *pool) connect(ctx context.Context, t *target, deadline int64) (*conn, error) {
	left := time.Duration(deadline - p.now())
	limit, late := p.dials, error(connectError{errConnectTimeout})
	if left < limit {
		limit, late = left, errNoTurn
	}
	cancelable, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dialing, stop := context.WithTimeoutCause(cancelable, limit, late)
	defer stop()
	p.mu.Lock()
	closed := p.closed.Load()
	if !closed {
		p.cancels[&cancel] = struct{}{}
	}
	p.mu.Unlock()
	if closed {
		p.give()
		return nil, ErrClosed
	}
	raw, err := p.dialer.connect(dialing, t)

	p.mu.Lock()
	delete(p.cancels, &cancel)
	closed = p.closed.Load()
	if err == nil && !closed {
		p.dialing--
		c := newConn(p, raw)
		c.expires = p.expiry()
		p.all[c] = struct{}{}
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	if err == nil {
		_ = raw.Close() // it carried nothing
	}
	p.give()
	switch cause := context.Cause(dialing); {
	case closed:
		return nil, ErrClosed
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case cause != nil:
		return nil, cause
	case isLate(dialing):
		return nil, late // package net looks at the deadline itself
	}
	return nil, connectError{err}
}

func isLate(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// errNoTurn says that there was no connection within Config.Call: nothing was sent.
var errNoTurn = errors.New("no connection in time for the call")

// errConnectTimeout is that of Config.Connect.
var errConnectTimeout = errors.New("no connection in time")

// expiry is when a connection that is made now ends.
func (p *pool) expiry() int64 {
	if p.ttl < 0 {
		return never
	}
	return p.now() + int64(p.ttl+minJitter+rand.N(maxJitter-minJitter))
}

// put gives a connection back that can be used again.
func (p *pool) put(c *conn) {
	c.reused = true
	if cap(c.out) > 2*copiedBody {
		c.out = nil
	}
	now := p.now()
	if c.idleFor > 0 {
		c.expires = min(c.expires, now+int64(max(c.idleFor-keepAliveMargin, c.idleFor/2)))
	}
	if now >= c.expires {
		p.drop(c)
		return
	}
	p.mu.Lock()
	if p.closed.Load() {
		p.mu.Unlock()
		p.drop(c)
		return
	}
	if turn := p.next(); turn != nil {
		turn <- c
		p.mu.Unlock()
		return
	}
	c.idleSince = now
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	p.arm(c.expires)
}

// drop closes a connection and frees its place.
func (p *pool) drop(c *conn) {
	c.shut()
	p.mu.Lock()
	delete(p.all, c)
	p.dialing++
	p.mu.Unlock()
	p.give()
}

// give passes a place to make a connection in to who waits for one.
func (p *pool) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if turn := p.next(); turn != nil {
		turn <- nil
		return
	}
	p.dialing--
	p.places.give(len(p.all) + p.dialing)
	p.checkReleased()
}

// next takes whoever has waited longest from the queue; nil if nobody waits. It is
// called with the lock.
func (p *pool) next() chan *conn {
	first := p.waiting.Front()
	if first == nil {
		return nil
	}
	return p.waiting.Remove(first).(chan *conn)
}

// checkReleased is called with the lock.
func (p *pool) checkReleased() {
	if p.closed.Load() && p.dialing == 0 && len(p.all) == 0 {
		close(p.released)
	}
}

// arm makes the timer fire at the given time, or earlier.
func (p *pool) arm(at int64) {
	if at >= p.armed.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(at)
}

// set is arm with the lock.
func (p *pool) set(at int64) {
	if p.closed.Load() || at >= p.armed.Load() {
		return
	}
	p.armed.Store(at)
	d := time.Duration(at - p.now())
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.fire)
		return
	}
	p.timer.Reset(d)
}

// fire ends what is due.
func (p *pool) fire() {
	p.mu.Lock()
	if p.closed.Load() {
		p.mu.Unlock()
		return
	}
	// From here on whoever begins arms the timer anew, or is seen below.
	p.armed.Store(never)
	now, next := p.now(), never
	for c := range p.all {
		c.mu.Lock()
		switch {
		case !c.active || c.cause != nil:
		case c.deadline <= now:
			c.interrupt(errTimeout)
		default:
			next = min(next, c.deadline)
		}
		c.mu.Unlock()
	}
	var old []*conn
	kept := p.idle[:0]
	for _, c := range p.idle {
		if c.expires <= now {
			old = append(old, c)
			continue
		}
		kept = append(kept, c)
		next = min(next, c.expires)
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	p.set(next)
	p.mu.Unlock()
	for _, c := range old {
		p.drop(c)
	}
}

// close interrupts everything and waits until it has ended.
func (p *pool) close() {
	p.mu.Lock()
	if p.closed.Load() {
		p.mu.Unlock()
		<-p.released
		return
	}
	p.closed.Store(true)
	if p.timer != nil {
		p.timer.Stop()
	}
	for turn := p.next(); turn != nil; turn = p.next() {
		close(turn)
	}
	for cancel := range p.cancels {
		(*cancel)(ErrClosed)
	}
	for c := range p.all {
		c.mu.Lock()
		if c.active {
			c.interrupt(ErrClosed)
		}
		c.mu.Unlock()
	}
	idle := p.idle
	p.idle = nil
	p.checkReleased()
	p.mu.Unlock()
	for _, c := range idle {
		p.drop(c)
	}
	<-p.released
}
