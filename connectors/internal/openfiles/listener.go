package openfiles

import (
	"net"
	"sync"
)

// Listen makes a listener accept a connection only when there is a place for it. Until
// then clients wait where the operating system lets them.
func Listen(l net.Listener, p *Places) net.Listener {
	return &listener{Listener: l, places: p, closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	places *Places

	close  sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	if !l.places.wait(l.closed) {
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.places.Give()
		return nil, err
	}
	return &conn{Conn: c, places: l.places}, nil
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type conn struct {
	net.Conn
	places *Places
	close  sync.Once
}

// CloseWrite is what net/http looks for: so clients get an answer that comes before the
// end of what they send.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.close.Do(c.places.Give)
	return err
}
