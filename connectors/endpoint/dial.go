package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// lookupTTL is how long the addresses of a name are taken for granted: connections
	// that are made together need one lookup.
	lookupTTL = time.Second
	// avoidFor is how long an address that could not be reached comes last.
	avoidFor = 5 * time.Second
	// minDial is what each of several addresses gets of the time-out.
	minDial = 2 * time.Second
)

// dialer makes connections to one host. All addresses of its name are used, in
// turns. It is safe for concurrent use.
type dialer struct {
	cfg *Config
	tls *tls.Config // nil: none

	mu     sync.Mutex
	turn   int
	addrs  []netip.Addr
	asked  time.Time
	failed map[netip.Addr]time.Time
}

// newDialer makes a dialer to the target's host.
func newDialer(cfg *Config, secure *tls.Config, t *target) *dialer {
	d := &dialer{cfg: cfg}
	if t.tls {
		d.tls = secure.Clone()
		d.tls.ServerName = strings.TrimSuffix(t.host, ".")
	}
	return d
}

// connect makes a connection to the target, TLS included, within the context.
func (d *dialer) connect(ctx context.Context, t *target) (net.Conn, error) {
	c, err := d.plain(ctx, t)
	if err != nil || d.tls == nil {
		return c, err
	}
	s := tls.Client(c, d.tls)
	if err := s.HandshakeContext(ctx); err != nil {
		_ = c.Close() // it carried nothing
		return nil, handshakeError(err)
	}
	return s, nil
}

// handshakeError says what to do about what is met most.
func handshakeError(err error) error {
	var record tls.RecordHeaderError
	var name x509.HostnameError
	switch {
	case errors.As(err, &record):
		return fmt.Errorf("the TLS handshake: %w; expected a server that speaks TLS, or http in the URL", err)
	case errors.As(err, &name):
		return fmt.Errorf("the TLS handshake: %w; expected a certificate for %s, unless the endpoint says not to verify host names", err, name.Host)
	}
	return fmt.Errorf("the TLS handshake: %w", err)
}

// plain makes a connection without TLS.
func (d *dialer) plain(ctx context.Context, t *target) (net.Conn, error) {
	if t.network == "unix" {
		return d.cfg.dial(ctx, t.network, t.address)
	}
	addrs, err := d.candidates(ctx, t)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, addr := range addrs {
		c, err := d.try(ctx, netip.AddrPortFrom(addr, t.port), len(addrs)-i)
		d.note(addr, err)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// try gives the address its share of the time that is left.
func (d *dialer) try(ctx context.Context, address netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		share := max(time.Until(deadline)/time.Duration(left), minDial)
		sharing, cancel := context.WithTimeout(ctx, share)
		defer cancel()
		return d.cfg.dial(sharing, "tcp", address.String())
	}
	return d.cfg.dial(ctx, "tcp", address.String())
}

// candidates are the addresses in the order in which they are tried: each call begins
// with the next one, and those that failed lately come last.
func (d *dialer) candidates(ctx context.Context, t *target) ([]netip.Addr, error) {
	if t.ip.IsValid() {
		return []netip.Addr{t.ip}, nil
	}
	d.mu.Lock()
	addrs, asked := d.addrs, d.asked
	d.mu.Unlock()
	if now := time.Now(); len(addrs) == 0 || now.Sub(asked) > lookupTTL {
		found, err := d.cfg.lookup(ctx, t.host)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("the name %s has no address", t.host)
		}
		addrs = found
		d.mu.Lock()
		d.addrs, d.asked = found, now
		d.mu.Unlock()
	}
	return d.order(addrs), nil
}

func (d *dialer) order(addrs []netip.Addr) []netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn++
	var good, bad []netip.Addr
	for i := range addrs {
		a := addrs[(d.turn+i)%len(addrs)].Unmap()
		if at, ok := d.failed[a]; ok && time.Since(at) < avoidFor {
			bad = append(bad, a)
		} else {
			good = append(good, a)
		}
	}
	return append(good, bad...)
}

// errNoPlace is that of a connection for which there is no place.
var errNoPlace = errors.New("the process has as many connections open as it may")

// isOurs reports whether a connection was not made for want of something here: files that
// this process, or the machine, may have open, or ports. No server has a part in it.
func isOurs(err error) bool {
	return errors.Is(err, errNoPlace) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// note remembers what came of an address.
func (d *dialer) note(a netip.Addr, err error) {
	if isOurs(err) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		delete(d.failed, a)
		return
	}
	if d.failed == nil {
		d.failed = make(map[netip.Addr]time.Time)
	}
	for old := range d.failed {
		if !slices.Contains(d.addrs, old) {
			delete(d.failed, old)
		}
	}
	d.failed[a] = time.Now()
}
