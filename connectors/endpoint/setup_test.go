package endpoint

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

var bothProfiles = []Profile{Async, OkHTTP}

// open opens an endpoint for the test.
func open(t *testing.T, cfg Config) *Endpoint {
	t.Helper()
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// serve starts a server of net/http's on loopback.
func serve(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// octets answers as a function server does.
func octets(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", octetStream)
	_, _ = io.WriteString(w, body)
}

// call makes one attempt for a function named "fn".
func call(t *testing.T, e *Endpoint, body string) (string, error) {
	t.Helper()
	b, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Body: []byte(body)})
	return string(b), err
}

// mustCall expects a response.
func mustCall(t *testing.T, e *Endpoint, body, want string) {
	t.Helper()
	got, err := call(t, e, body)
	if err != nil || got != want {
		t.Fatalf("got %q, %v; want %q", clipped(got), err, clipped(want))
	}
}

// mustFail expects a failure with a text.
func mustFail(t *testing.T, e *Endpoint, kind Kind, text string) Failure {
	t.Helper()
	got, err := call(t, e, "request")
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Kind != kind || !strings.Contains(f.Error(), text) {
		t.Fatalf("got %q, %v; want %v, %q", clipped(got), err, kind, text)
	}
	return *f
}

// rawServer talks to each connection with a function, which gets the connection and
// its number, from 0. What it returns from is closed.
func rawServer(t *testing.T, talk func(c *rawConn, n int)) (url string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var lock sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			lock.Lock()
			conns = append(conns, c)
			lock.Unlock()
			all.Go(func() {
				defer c.Close()
				talk(&rawConn{Conn: c, r: bufio.NewReader(c)}, n)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		lock.Lock()
		for _, c := range conns {
			c.Close()
		}
		lock.Unlock()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

type rawConn struct {
	net.Conn
	r *bufio.Reader
}

// request reads one request whole; false at the end of the connection.
func (c *rawConn) request() bool {
	q, err := http.ReadRequest(c.r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, q.Body)
	return err == nil
}

// say writes as much at once.
func (c *rawConn) say(text string) { _, _ = io.WriteString(c.Conn, text) }

// wait waits until the client closes the connection.
func (c *rawConn) wait() { _, _ = io.Copy(io.Discard, c.r) }

const okHeader = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"

// pipes is a network in memory, for tests in a bubble with a clock of its own.
type pipes struct {
	conns chan net.Conn
	gone  chan struct{}
	once  sync.Once

	mu     sync.Mutex
	dialed []string // addresses
	lookup map[string][]netip.Addr
	refuse map[string]bool
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), gone: make(chan struct{}), lookup: make(map[string][]netip.Addr), refuse: make(map[string]bool)}
}

func (p *pipes) use(cfg *Config) {
	cfg.dial = p.dial
	cfg.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Clone(p.lookup[host]), nil
	}
}

func (p *pipes) dial(ctx context.Context, _, address string) (net.Conn, error) {
	p.mu.Lock()
	p.dialed = append(p.dialed, address)
	refused := p.refuse[address]
	p.mu.Unlock()
	if refused {
		return nil, errors.New("connection refused by " + address)
	}
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) dials() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.dialed)
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.gone) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// bubble opens an endpoint to a server of net/http's in memory.
func bubble(t *testing.T, cfg Config, h http.HandlerFunc) (*Endpoint, *pipes) {
	t.Helper()
	p := newPipes()
	p.use(&cfg)
	if cfg.URL == "" {
		cfg.URL = "http://10.0.0.1/fn"
	}
	e := open(t, cfg)
	s := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(p)
	}()
	t.Cleanup(func() {
		e.Close()
		s.Close()
		<-served
	})
	return e, p
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// within runs f and says how long it took by the bubble's clock.
func within(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func functionName(s string) functions.TypeName { return functions.TypeName(s) }
