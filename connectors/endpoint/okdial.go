package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// okHost is where the connections to a HOST:PORT of net/http's go.
type okHost struct {
	name   string
	dialer *dialer
	target *target
}

// host returns the HOST:PORT that stands for a target inside net/http. A Unix socket
// has a name that no other host can have.
func (o *okhttp) host(t *target) (string, error) {
	key := t.network + " " + t.address
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := o.hosts[key]; h != nil {
		return h.name, nil
	}
	if len(o.hosts) >= 2*maxPools {
		return "", fmt.Errorf("the names of functions lead to more than %d hosts", maxPools)
	}
	h := &okHost{name: t.address, target: t, dialer: newDialer(&o.cfg, o.e.secure, t)}
	if t.network == "unix" {
		h.name = fmt.Sprintf("%d.unix.invalid:%s", len(o.hosts), defaultPort(t.url.Scheme))
	}
	o.hosts[key] = h
	o.hosts[h.name] = h
	return h.name, nil
}

func (o *okhttp) dial(ctx context.Context, _, address string) (net.Conn, error) {
	return o.connect(ctx, "http", address)
}

func (o *okhttp) dialTLS(ctx context.Context, _, address string) (net.Conn, error) {
	return o.connect(ctx, "https", address)
}

// connect makes a connection for net/http.
func (o *okhttp) connect(ctx context.Context, scheme, address string) (net.Conn, error) {
	cancelable, leave, _, err := o.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	o.mu.Lock()
	h := o.hosts[address]
	o.mu.Unlock()
	if h == nil || h.target.tls != (scheme == "https") {
		// A redirect leads there.
		t, err := parseTarget(scheme+"://"+address+"/", "")
		if err != nil {
			return nil, connectError{err}
		}
		h = &okHost{target: t, dialer: newDialer(&o.cfg, o.e.secure, t)}
	}
	timed, stop := context.WithTimeoutCause(cancelable, o.cfg.Connect, errConnectTimeout)
	defer stop()
	c, err := h.dialer.connect(timed, h.target)
	switch {
	case err == nil:
		return c, nil
	case timed.Err() != nil:
		err = context.Cause(timed)
	case isLate(timed):
		err = errConnectTimeout
	}
	return nil, connectError{err}
}

// dialSocket is the dialer's way to a connection.
func (o *okhttp) dialSocket(ctx context.Context, network, address string) (net.Conn, error) {
	c := &okConn{o: o}
	if err := o.claim(c); err != nil {
		return nil, err
	}
	raw, err := o.e.cfg.dial(ctx, network, address)
	if err != nil {
		o.forget(c)
		return nil, err
	}
	o.mu.Lock()
	c.Conn = raw
	closed := o.closed
	o.mu.Unlock()
	if closed {
		return nil, errors.Join(ErrClosed, c.Close())
	}
	return c, nil
}

// claim registers a connection that is to be made, if there may be one more.
func (o *okhttp) claim(c *okConn) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.places.take(len(o.conns)) {
		return errNoPlace
	}
	o.conns[c] = struct{}{}
	return nil
}

// forget frees the connection's place. It may be called again.
func (o *okhttp) forget(c *okConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.conns[c]; !ok {
		return
	}
	delete(o.conns, c)
	o.places.give(len(o.conns))
}

// okConn is a connection whose writes have a time-out.
type okConn struct {
	net.Conn
	o *okhttp
}

func (c *okConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.o.cfg.Write)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close lets the endpoint forget the connection.
func (c *okConn) Close() error {
	c.o.forget(c)
	return c.Conn.Close()
}
