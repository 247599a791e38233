package endpoint

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Endpoint sends requests to the function servers behind one URL template. Its
// methods are safe for concurrent use.
type Endpoint struct {
	cfg     Config
	secure  *tls.Config
	headers headers
	okhttp  *okhttp // nil in the Async profile

	targets sync.Map // functions.TypeName → *target

	mu     sync.Mutex
	closed bool
	known  int // targets
	pools  map[poolKey]*pool
}

type poolKey struct {
	network, address string
	tls              bool
}

const (
	// maxTargets bounds what is kept of function names. Others cost more, and work.
	maxTargets = 4096
	// maxPools bounds the hosts that function names may lead to.
	maxPools = 4096
)

// Open makes an endpoint. It reads the files that the configuration names, and does
// not connect. Errors are *ConfigError. Close must be called in the end.
func Open(cfg Config) (*Endpoint, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := checkTemplate(cfg.URL); err != nil {
		return nil, wrong("URL", "%w", err)
	}
	e := &Endpoint{cfg: cfg, headers: newHeaders(cfg.Headers), pools: make(map[poolKey]*pool)}
	var err error
	if e.secure, err = cfg.TLS.config(cfg.Profile); err != nil {
		return nil, err
	}
	if cfg.Profile == OkHTTP {
		e.okhttp = newOkHTTP(e)
	}
	return e, nil
}

// Profile is the one of the configuration.
func (e *Endpoint) Profile() Profile { return e.cfg.Profile }

// Backoff is the rule by which attempts are made again here.
func (e *Endpoint) Backoff() Backoff { return Backoff{Profile: e.cfg.Profile, Call: e.cfg.Call} }

// Request is one attempt to call a function.
type Request struct {
	// Function is whose name the URL has.
	Function functions.TypeName
	// Body is sent as it is. It is not kept, nor changed.
	Body []byte
	// Spent is what earlier attempts of the same call have taken, waits included.
	// In the Async profile this attempt has what is left of the call's time-out; in
	// OkHTTP it has all of it.
	Spent time.Duration
	// Buffer is what the response is appended to, if it fits. May be nil.
	Buffer []byte
}

// Attempt makes one attempt, and returns the body of the response: the caller's,
// empty if the response is. It returns a *Failure, or ErrClosed, or, when ctx has
// ended, its cause; then the server may have got the request all the same.
//
// The time-outs are the endpoint's; a context that lasts is cheaper than one for each
// call.
func (e *Endpoint) Attempt(ctx context.Context, r Request) ([]byte, error) {
	t, err := e.target(r.Function)
	if err != nil {
		return nil, err
	}
	if e.okhttp != nil {
		return e.okhttp.attempt(ctx, t, &r)
	}
	return e.attempt(ctx, t, &r)
}

// Host names the server that a function's requests go to: HOST:PORT, or the file of a
// socket. Functions of the same host share its connections, and its fate.
func (e *Endpoint) Host(function functions.TypeName) string {
	t, err := e.target(function)
	if err != nil {
		return ""
	}
	return t.address
}

// target returns where a function's requests go.
func (e *Endpoint) target(function functions.TypeName) (*target, error) {
	if t, ok := e.targets.Load(function); ok {
		return t.(*target), nil //nolint:forcetypeassert // nothing else is in it
	}
	t, err := parseTarget(e.cfg.URL, function)
	if err != nil {
		return nil, e.unsendable(function, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if e.okhttp == nil {
		t.prefix = e.headers.prefix(t)
		if t.pool, err = e.pool(t); err != nil {
			return nil, e.unsendable(function, err)
		}
	}
	if e.known < maxTargets {
		e.known++
		e.targets.Store(function, t)
	}
	return t, nil
}

// pool is called with the lock.
func (e *Endpoint) pool(t *target) (*pool, error) {
	key := poolKey{t.network, t.address, t.tls}
	p := e.pools[key]
	if p != nil {
		return p, nil
	}
	if len(e.pools) >= maxPools {
		return nil, fmt.Errorf("the names of functions lead to more than %d hosts", maxPools)
	}
	p = newPool(&e.cfg, newDialer(&e.cfg, e.secure, t))
	e.pools[key] = p
	return p, nil
}

// attempt is Attempt in the Async profile.
func (e *Endpoint) attempt(ctx context.Context, t *target, r *Request) ([]byte, error) {
	p := t.pool
	left := e.cfg.Call - max(0, r.Spent)
	if left < minBudget {
		return nil, e.failed(ctx, t, errTimeout, false, false)
	}
	deadline := p.now() + int64(left)
	for fresh := false; ; fresh = true {
		c, err := p.get(ctx, t, deadline, fresh)
		if err != nil {
			return nil, e.failed(ctx, t, err, false, false)
		}
		if err := c.begin(ctx, deadline); err != nil {
			_ = c.end() // the same
			p.drop(c)
			return nil, err
		}
		a, err := c.exchange(t.prefix, r.Body, r.Buffer)
		cause, reused := c.end(), c.reused
		stale := err != nil && cause == nil && c.isStale(err)
		if err == nil && cause == nil && a.reusable {
			p.put(c)
		} else {
			p.drop(c)
		}
		switch {
		case stale:
			continue
		case err == nil && a.head.success():
			return a.body, nil
		case a.head.status != 0 && !a.head.success():
			return nil, e.refused(t, &a, reused)
		case cause != nil:
			err = cause
		}
		return nil, e.failed(ctx, t, err, a.head.status != 0, reused)
	}
}

// Close ends attempts that are under way, which return ErrClosed, and closes all
// connections. It returns when that is done. It may be called twice.
func (e *Endpoint) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	// No pool is added any more.
	for _, p := range e.pools {
		p.close()
	}
	if e.okhttp != nil {
		e.okhttp.close()
	}
}
