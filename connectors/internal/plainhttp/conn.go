package plainhttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
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
	early  []byte // what comes after that, read while a request was answered

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
	o := ended
	defer func() { // also when a handler ends the goroutine
		c.listener.forget(c)
		if o != notPlain || !c.handOver() {
			c.drop()
		}
	}()
	for c.taken < len(c.buffer) || c.read() {
		if o = c.next(); o != answered {
			return
		}
		o = ended
	}
}

// read waits for a request.
func (c *conn) read() bool {
	c.taken = 0
	c.buffer = append(c.buffer[:0], c.early...)
	c.early = nil
	n, err := c.Conn.Read(c.buffer[len(c.buffer):cap(c.buffer)])
	c.buffer = c.buffer[:len(c.buffer)+n]
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
	if c.skipEmptyLines(); c.taken == len(c.buffer) {
		return answered
	}
	h, ok := cutHead(c.buffer[c.taken:])
	if !ok || !c.take(&h) {
		return notPlain
	}
	now := time.Now()
	if !c.watch.enter(answering, now) || !c.handle() {
		return ended
	}
	now = time.Now()
	c.endPeek(c.watch.answered(now))
	last := c.listener.isClosing() || c.ctx.Err() != nil
	_, err := c.Conn.Write(c.response.bytes(c.listener.dates.at(now), last))
	c.response.reset()
	if err != nil || last || !c.watch.enter(idle, time.Now()) {
		return ended
	}
	return answered
}

// mostEmptyLines is how much of them net/http skips after a POST, in bytes: old clients
// send one (RFC 9112, 2.2).
const mostEmptyLines = 4

func (c *conn) skipEmptyLines() {
	if c.request == nil || c.request.Method != http.MethodPost {
		return
	}
	for range min(mostEmptyLines, len(c.buffer)-c.taken) {
		if b := c.buffer[c.taken]; b != '\r' && b != '\n' {
			return
		}
		c.taken++
	}
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
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
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
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\n" + string(h.fields))))
	if err != nil {
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

// peek waits for the client of a request that takes long: one that goes away does not
// want it any more. One that says more is heard later.
func (c *conn) peek(done chan struct{}) {
	defer close(done)
	if c.taken < len(c.buffer) {
		return // it has said more
	}
	var b [1]byte
	switch n, err := c.Conn.Read(b[:]); {
	case n > 0:
		c.early = b[:]
	case !errors.Is(err, os.ErrDeadlineExceeded):
		c.cancel(context.Canceled)
	}
}

// endPeek ends it, if there is one.
func (c *conn) endPeek(done chan struct{}) {
	if done == nil {
		return
	}
	_ = c.SetReadDeadline(past)
	<-done
	_ = c.SetReadDeadline(time.Time{}) // who closes the listener meanwhile has said so before it has set its own
}

// handOver gives the connection, and what was read and not taken, to net/http. It
// reports whether there is still one.
func (c *conn) handOver() bool {
	if !c.watch.end() {
		return false
	}
	c.cancel(nil)
	return c.listener.pass(accepted{conn: &handedOver{Conn: c.Conn, begins: c.buffer[c.taken:]}})
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
