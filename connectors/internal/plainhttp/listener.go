package plainhttp

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say how plain requests are served. All are required.
type Options struct {
	// Handler answers them. It must be done with a request when it returns, not change its
	// header, and use no more of the ResponseWriter than that interface: headers before
	// WriteHeader, a Content-Type with a body, no status below 200, and no header that is
	// about the connection, the length or the date. With 204 and 304 it writes no body.
	Handler http.Handler
	// Takes reports whether the handler can be given requests with a path.
	Takes func(path string) bool
	// Context is that of requests, as the BaseContext of net/http's server.
	Context context.Context //nolint:containedctx // as there
	// FirstTimeout is how long a new connection may be silent, IdleTimeout one between
	// requests, AnswerTimeout how long the handler may take until the context of a
	// request ends, WriteTimeout how long a client may take to take an answer. They end
	// up to half of the shortest of them late, and after as long at the latest it is noticed
	// that the client of a request is gone, which ends its context, too.
	FirstTimeout, IdleTimeout, AnswerTimeout, WriteTimeout time.Duration
	// Logger is told of a handler that panics.
	Logger *slog.Logger
}

// Listener serves plain requests on the connections of another listener. It is a
// listener for net/http, which gets the connections on which something else came.
type Listener struct {
	net.Listener
	opts   Options
	others chan accepted
	dates  dates

	closing chan struct{}  // closed by Close, with mu held
	served  sync.WaitGroup // connections, and the loop that accepts them

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// Listen begins to serve. Whoever uses the listener must accept.
func Listen(l net.Listener, o Options) *Listener {
	p := &Listener{Listener: l, opts: o, others: make(chan accepted), closing: make(chan struct{}), conns: map[*conn]struct{}{}}
	p.served.Go(p.acceptAll)
	return p
}

// acceptAll ends with Close. An error goes to net/http, which knows what it means and
// accepts again, if at all, when it is time.
func (l *Listener) acceptAll() {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			l.serve(c)
		case !l.pass(accepted{err: err}):
			return
		}
	}
}

// pass gives something to whoever accepts, unless the listener is closed.
func (l *Listener) pass(a accepted) bool {
	select {
	case l.others <- a:
		return true
	case <-l.closing:
		return false
	}
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.others:
		return a.conn, a.err
	case <-l.closing:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Connections that wait for a request are closed, those
// with one under way after its answer.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosing() {
		return nil
	}
	close(l.closing)
	for c := range l.conns {
		_ = c.SetReadDeadline(past) // if it is broken, it ends by itself
	}
	return l.Listener.Close()
}

// past ends what waits for a connection.
var past = time.Unix(1, 0)

// Wait returns once everything has ended that Close lets go on; or when ctx ends, with
// its error.
func (l *Listener) Wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.served.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Abort closes what there is. It does not wait for handlers.
func (l *Listener) Abort() error {
	err := l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Conn.Close() // nobody is left to tell
	}
	return err
}

// serve serves a new connection.
func (l *Listener) serve(inner net.Conn) {
	c := newConn(l, inner)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosing() {
		c.drop()
		return
	}
	l.conns[c] = struct{}{}
	l.served.Go(c.run)
}

func (l *Listener) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// forget takes a connection off the list. From then on Close does not touch it.
func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
