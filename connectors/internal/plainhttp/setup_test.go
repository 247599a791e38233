package plainhttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipes is a listener whose connections are in memory, for tests in fake time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	err := net.ErrClosed
	p.close.Do(func() { err = nil; close(p.closed) })
	return err
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// dial connects.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// door is a listener with net/http behind it.
type door struct {
	t     *testing.T
	pipes *pipes
	plain *Listener
	net   *http.Server
	stop  context.CancelFunc
	log   syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.String()
}

// open opens one until the end of the test.
func open(t *testing.T, h http.HandlerFunc) *door {
	t.Helper()
	d := &door{t: t, pipes: newPipes()}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.plain = Listen(d.pipes, Options{
		Handler: h, Takes: func(path string) bool { return !strings.HasPrefix(path, "/admin/") }, Context: ctx,
		FirstTimeout: 10 * time.Second, IdleTimeout: 120 * time.Second, AnswerTimeout: 60 * time.Second, WriteTimeout: 60 * time.Second,
		Logger: slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	d.net = &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.NewTextHandler(&d.log, nil), slog.LevelInfo)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.net.Serve(d.plain) //nolint:errcheck // ends with Close
	}()
	t.Cleanup(func() {
		stop()
		if err := d.net.Close(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(d.plain.Abort(), d.plain.Wait(context.Background())); err != nil {
			t.Error(err)
		}
		<-served
	})
	return d
}

// client is a connection to a door.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (d *door) dial() *client {
	c := d.pipes.dial()
	d.t.Cleanup(func() { c.Close() })
	return &client{d.t, c, bufio.NewReader(c)}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// exchange sends a request and reads the answer.
func (c *client) exchange(request string) answer {
	c.t.Helper()
	c.write(request)
	return c.answer()
}

func (c *client) write(request string) {
	c.t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) answer() answer {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{r, string(b)}
}

// expectEnd reads the end of the connection.
func (c *client) expectEnd() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Errorf("found %q, %v: expected the end of the connection", b, err)
	}
}

// served tells who has answered.
func served(r *http.Request) string {
	if r.Context().Value(http.ServerContextKey) != nil {
		return "net/http"
	}
	return "here"
}

// echo answers with all that it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Served", served(r))
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, strings.Join([]string{r.Method, r.RequestURI, r.URL.Path, r.URL.RawQuery, r.Host, r.Proto, string(body)}, " "))
	_ = r.Header.Write(w)
}

const plain = "POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nContent-Type: x/y\r\nContent-Length: 5\r\n\r\nhello"
