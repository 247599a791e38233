package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// Up to this size a body is copied behind its head, and goes out in one write.
	copiedBody = 16 << 10
	// Up to this size a request fits into the buffers of a socket: it is written before
	// its response is waited for. A larger one is written beside: a server may refuse
	// it before it has read it.
	bufferedBody = 64 << 10
	// How long a request may still be written once its response is complete.
	writeLinger = 100 * time.Millisecond
)

// conn is a connection of a pool, and has one request under way at most. Its owner
// is whoever got it from the pool; what others may touch is under mu.
type conn struct {
	net.Conn
	pool   *pool
	socket syscall.RawConn // below TLS; nil: there is none
	reader reader
	out    []byte

	expires   int64 // pool time
	idleSince int64 // pool time
	idleFor   time.Duration
	reused    bool

	mu       sync.Mutex
	active   bool
	deadline int64 // pool time
	cause    error // why it was interrupted
	done     <-chan struct{}
	unwatch  func() bool
}

func newConn(p *pool, c net.Conn) *conn {
	below := c
	if t, ok := c.(*tls.Conn); ok {
		below = t.NetConn()
	}
	return &conn{Conn: c, pool: p, socket: socketOf(below), reader: reader{src: c, limits: p.limits}}
}

// begin makes the connection end what its owner does with it when the context
// ends, or at the deadline.
func (c *conn) begin(ctx context.Context, deadline int64) error {
	done := ctx.Done()
	c.mu.Lock()
	c.active, c.deadline = true, deadline
	if done != c.done {
		c.watch(ctx, done)
	}
	c.mu.Unlock()
	c.pool.arm(deadline)
	// Either may have happened before the connection was active.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.pool.closed.Load() {
		return ErrClosed
	}
	return nil
}

// watch costs a registration with the context, so one is kept as long as requests come
// with the same: the context of an engine lives longer than a request.
func (c *conn) watch(ctx context.Context, done <-chan struct{}) {
	if c.unwatch != nil {
		c.unwatch()
		c.unwatch = nil
	}
	c.done = done
	if done == nil {
		return
	}
	c.unwatch = context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.active && c.done == done {
			c.interrupt(context.Cause(ctx))
		}
	})
}

// interrupt ends what the connection waits for. It is called with the lock.
func (c *conn) interrupt(cause error) {
	if c.cause == nil {
		c.cause = cause
		_ = c.SetDeadline(time.Unix(1, 0)) // it is closed, if it has none
	}
}

// end returns why the connection was interrupted; nil if it was not.
func (c *conn) end() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = false
	return c.cause
}

// shut closes the connection for good.
func (c *conn) shut() {
	c.mu.Lock()
	if c.unwatch != nil {
		c.unwatch()
		c.unwatch, c.done = nil, nil
	}
	c.mu.Unlock()
	if t, ok := c.Conn.(*tls.Conn); ok {
		_ = t.NetConn().Close() // without a farewell, which would have to wait for room
	}
	_ = c.Close() // nothing is lost with it
}

// answer is what came of a request.
type answer struct {
	head head
	// body of a success, appended to the buffer; what came with a failure, if it is short.
	body []byte
	// reusable: the connection's next byte is of another response.
	reusable bool
}

// exchange sends a request and reads its response. It does not touch the body once it
// has returned.
func (c *conn) exchange(prefix, body, buffer []byte) (answer, error) {
	c.reader.next()
	c.out = append(c.out[:0], prefix...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, headEnd...)
	if len(body) > bufferedBody {
		return c.exchangeLarge(body, buffer)
	}
	var writeErr error
	if len(body) > copiedBody {
		_, writeErr = (&net.Buffers{c.out, body}).WriteTo(c.Conn)
	} else {
		c.out = append(c.out, body...)
		_, writeErr = c.Write(c.out)
	}
	// The response may have come all the same: servers refuse before they close.
	a, err := c.receive(buffer)
	if writeErr != nil {
		a.reusable = false
		if err != nil {
			err = writeErr
		}
	}
	return a, err
}

// exchangeLarge writes and reads at the same time.
func (c *conn) exchangeLarge(body, buffer []byte) (answer, error) {
	written := make(chan error, 1)
	go func() {
		_, err := (&net.Buffers{c.out, body}).WriteTo(c.Conn)
		written <- err
	}()
	a, err := c.receive(buffer)
	// A server that has answered may read no more. One that has read all is waited for:
	// the writer has only to return.
	linger := time.NewTimer(writeLinger)
	defer linger.Stop()
	if err != nil || !a.head.success() {
		linger.Reset(0)
		a.reusable = false // even if the system has taken all of the request: who read it?
	}
	var writeErr error
	select {
	case writeErr = <-written:
		if err != nil && writeErr != nil {
			err = writeErr
		}
	case <-linger.C:
		_ = c.SetWriteDeadline(time.Unix(1, 0)) // else it is closed
		<-written                               //nolint:errcheck // what it says is of no account
		a.reusable = false
	}
	a.reusable = a.reusable && writeErr == nil
	return a, err
}

func (c *conn) receive(buffer []byte) (answer, error) {
	h, err := c.reader.head()
	a := answer{head: h}
	if err != nil {
		return a, err
	}
	var done bool
	if h.success() {
		a.body, done, err = c.reader.success(&h, buffer)
	} else {
		// What its body does is of no account: the status says enough.
		a.body, done, _ = c.reader.body(&h, nil, maxFailedBody)
	}
	a.reusable = done && !h.close && !c.reader.rest()
	c.idleFor = h.idle
	return a, err
}

// isStale reports whether an error, of a connection that had been used before, says
// only that the server had closed it meanwhile.
func (c *conn) isStale(err error) bool {
	var m malformed
	return c.reused && !c.reader.received && !errors.As(err, &m) && !errors.Is(err, errTooLarge) && !errors.Is(err, io.ErrNoProgress)
}
