package plainhttp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// bufferBytes are the most that a plain request has.
const bufferBytes = 4 << 10

// conn is a connection on which all requests were plain so far.
type conn struct {
	net.Conn
	listener *Listener
	cancel   context.CancelCauseFunc
	ctx      context.Context //nolint:containedctx // that of its requests
	watch    watch

	buffer []byte // what was read
	taken  int    // of that, by requests

	// The last request. The next has the same header, mostly.
	fields  []byte
	length  int
	request *http.Request
	body    body

	response response
}

// body is one that is there.
type body struct{ bytes.Reader }

// Close implements io.Closer.
func (*body) Close() error { return nil }

func newConn(l *Listener, inner net.Conn) *conn {
	c := &conn{Conn: inner, listener: l, buffer: make([]byte, 0, bufferBytes)}
	c.ctx, c.cancel = context.WithCancelCause(l.opts.Context)
	c.response.header = http.Header{}
	c.watch.begin(c)
	return c
}

// drop ends a connection.
func (c *conn) drop() {
	c.watch.end()
	c.cancel(nil)
	_ = c.Conn.Close() // nobody is left to tell
}

// run serves requests until there is one that is not plain, or the connection ends.
func (c *conn) run() {
	for c.taken < len(c.buffer) || c.read() {
		switch c.next() {
		case answered:
		case notPlain:
			c.handOver()
			return
		case ended:
			c.listener.forget(c)
			c.drop()
			return
		}
	}
	c.listener.forget(c)
	c.drop()
}

// read waits for a request.
func (c *conn) read() bool {
	c.taken = 0
	n, err := c.Conn.Read(c.buffer[:cap(c.buffer)])
	c.buffer = c.buffer[:n]
	return err == nil && n > 0
}

// outcome is what has become of a request.
type outcome int

const (
	answered outcome = iota
	notPlain
	ended
)

// next serves the request that begins the buffer.
func (c *conn) next() outcome {
	h, ok := cutHead(c.buffer[c.taken:])
	if !ok || !c.take(&h) {
		return notPlain
	}
	now := time.Now()
	if !c.watch.enter(answering, now) || !c.handle() {
		return ended
	}
	now = time.Now()
	c.watch.enter(writing, now)
	last := c.listener.isClosing() || c.ctx.Err() != nil
	_, err := c.Conn.Write(c.response.bytes(c.listener.dates.at(now), last))
	c.response.reset()
	if err != nil || last || !c.watch.enter(idle, now) {
		return ended
	}
	return answered
}

// take makes the request of a head, if it is plain and here.
func (c *conn) take(h *head) bool {
	if !bytes.Equal(h.fields, c.fields) && !c.readFields(h) {
		return false
	}
	end := c.taken + h.size + c.length
	path := string(h.path)
	if end > len(c.buffer) || !c.listener.opts.Takes(path) {
		return false
	}
	r := c.request
	r.Method, r.RequestURI, r.URL.Path = h.method, path, path
	c.body.Reset(c.buffer[c.taken+h.size : end])
	r.Body = &c.body
	c.taken = end
	return true
}

// readFields makes a request with a new header.
func (c *conn) readFields(h *head) bool {
	length, ok := plainFields(h.fields)
	if !ok {
		return false
	}
	r, err := http.ReadRequest(bufio.NewReaderSize(io.MultiReader(bytes.NewReader([]byte("POST / HTTP/1.1\r\n")), bytes.NewReader(h.fields)), bufferBytes))
	if err != nil || r.ContentLength != int64(length) {
		return false // net/http says why
	}
	c.request = r.WithContext(c.ctx)
	c.request.RemoteAddr = c.RemoteAddr().String()
	c.fields, c.length = append(c.fields[:0], h.fields...), length
	return true
}

// handle reports whether there is an answer.
func (c *conn) handle() (ok bool) {
	defer func() {
		if ok {
			return
		}
		if reason := recover(); reason != http.ErrAbortHandler { //nolint:errorlint // as net/http does
			c.listener.opts.Logger.Error("a handler panicked", "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
		}
	}()
	c.listener.opts.Handler.ServeHTTP(&c.response, c.request)
	return true
}

// handOver gives the connection, and what was read and not taken, to net/http.
func (c *conn) handOver() {
	c.listener.forget(c)
	if !c.watch.end() {
		c.drop()
		return
	}
	c.cancel(nil)
	other := &handedOver{Conn: c.Conn, begins: c.buffer[c.taken:]}
	if !c.listener.pass(accepted{conn: other}) {
		_ = c.Conn.Close() // nobody is left to tell
	}
}

// handedOver is a connection of which some bytes were read.
type handedOver struct {
	net.Conn
	begins []byte
}

// Read implements net.Conn.
func (c *handedOver) Read(p []byte) (int, error) {
	if len(c.begins) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.begins)
	if c.begins = c.begins[n:]; len(c.begins) == 0 {
		c.begins = nil // so that the buffer goes
	}
	return n, nil
}

// CloseWrite is what net/http looks for.
func (c *handedOver) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// phase is what a connection waits for.
type phase int64

const (
	first     phase = iota // request, of a new connection
	idle                   // the next request
	answering              // the handler
	writing                // the client
	over                   // nothing: it ends
)

// watch ends what takes too long. One timer for each connection looks now and then:
// deadlines for each request would cost more than reading it.
type watch struct {
	conn  *conn
	since atomic.Int64 // when the phase began, in nanoseconds of this process, and the phase
	timer *time.Timer
	every time.Duration
}

const phaseBits = 3

// epoch is where nanoseconds are counted from.
var epoch = time.Now()

func stamp(p phase, now time.Time) int64 { return int64(now.Sub(epoch))<<phaseBits | int64(p) }

func (w *watch) begin(c *conn) {
	o := &c.listener.opts
	w.conn = c
	w.every = max(time.Millisecond, min(o.FirstTimeout, o.IdleTimeout, o.AnswerTimeout, o.WriteTimeout)/2)
	w.since.Store(stamp(first, time.Now()))
	w.timer = time.AfterFunc(time.Hour, w.look) // not before it is known
	w.timer.Reset(w.every)
}

// enter begins a phase; false says that the connection is over.
func (w *watch) enter(p phase, now time.Time) bool {
	last := w.since.Load()
	return phase(last&(1<<phaseBits-1)) != over && w.since.CompareAndSwap(last, stamp(p, now))
}

// end stops watching; false says that the connection is over.
func (w *watch) end() bool {
	ok := w.enter(over, time.Now())
	w.timer.Stop()
	return ok
}

// look ends the connection, or the context of its request, if it is late.
func (w *watch) look() {
	o := &w.conn.listener.opts
	since := w.since.Load()
	p := phase(since & (1<<phaseBits - 1))
	limit := [...]time.Duration{first: o.FirstTimeout, idle: o.IdleTimeout, answering: o.AnswerTimeout, writing: o.WriteTimeout}
	switch {
	case p == over:
		return
	case time.Since(epoch)-time.Duration(since>>phaseBits) < limit[p]:
	case p == answering:
		w.conn.cancel(context.DeadlineExceeded)
	case w.since.CompareAndSwap(since, int64(over)):
		_ = w.conn.Conn.Close() // which ends what it waits for
		return
	}
	w.timer.Reset(w.every)
}
