package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxRedirects = 20          // as OkHttp
	okIdle       = time.Minute // as StateFun's OkHttp pool
)

var errReadTimeout = errors.New("read time-out")

// okhttp makes the attempts of the OkHTTP profile, through net/http.
//
// Its transport has no limit to the age of a connection: with HTTP/2 all requests would
// stay with one replica for good. So transports come in generations, each of which
// lives as long as a connection may.
type okhttp struct {
	e      *Endpoint
	cfg    Config // with a dial of its own
	client http.Client

	mu      sync.Mutex
	closed  bool
	current *generation
	busy    map[*context.CancelCauseFunc]struct{} // attempts and dials
	conns   map[*okConn]struct{}
	places  places             // of conns
	hosts   map[string]*okHost // by HOST:PORT
	ended   sync.WaitGroup     // of busy
}

// generation is one transport and those who use it.
type generation struct {
	transport *http.Transport
	expires   time.Time
	users     int
}

func newOkHTTP(e *Endpoint) *okhttp {
	o := &okhttp{
		e: e, cfg: e.cfg, busy: make(map[*context.CancelCauseFunc]struct{}),
		conns: make(map[*okConn]struct{}), places: places{e.cfg.places}, hosts: make(map[string]*okHost),
	}
	o.cfg.dial = o.dialSocket
	o.client.CheckRedirect = o.checkRedirect
	return o
}

func (o *okhttp) newGeneration() *generation {
	g := &generation{transport: &http.Transport{
		DialContext: o.dial, DialTLSContext: o.dialTLS,
		ForceAttemptHTTP2: true, DisableCompression: true,
		MaxIdleConnsPerHost: o.cfg.PoolSize, IdleConnTimeout: okIdle,
		MaxResponseHeaderBytes: int64(o.cfg.MaxHeaderBytes),
	}}
	if o.cfg.PoolTTL > 0 {
		g.expires = time.Now().Add(o.cfg.PoolTTL + minJitter + rand.N(maxJitter-minJitter))
	}
	return g
}

// acquire returns the current generation, for one request.
func (o *okhttp) acquire() *generation {
	o.mu.Lock()
	old := o.current
	if old == nil || !old.expires.IsZero() && !time.Now().Before(old.expires) {
		o.current = o.newGeneration()
	}
	g := o.current
	g.users++
	retired := old != nil && old != g && old.users == 0
	o.mu.Unlock()
	if retired {
		old.transport.CloseIdleConnections() // which takes the lock
	}
	return g
}

func (o *okhttp) release(g *generation) {
	o.mu.Lock()
	g.users--
	last := g.users == 0 && g != o.current
	o.mu.Unlock()
	if last {
		g.transport.CloseIdleConnections()
	}
}

// enter registers something that close has to end.
func (o *okhttp) enter(ctx context.Context) (cancelable context.Context, leave func(), cancel context.CancelCauseFunc, err error) {
	cancelable, cancel = context.WithCancelCause(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		cancel(ErrClosed)
		return nil, nil, nil, ErrClosed
	}
	key := &cancel
	o.busy[key] = struct{}{}
	o.ended.Add(1)
	return cancelable, func() {
		cancel(nil)
		o.mu.Lock()
		delete(o.busy, key)
		o.mu.Unlock()
		o.ended.Done()
	}, cancel, nil
}

// attempt is Attempt in the OkHTTP profile.
func (o *okhttp) attempt(ctx context.Context, t *target, r *Request) ([]byte, error) {
	cancelable, leave, cancel, err := o.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	timed, stop := context.WithTimeoutCause(cancelable, o.cfg.Call, errTimeout)
	defer stop()
	body := &lentBody{bytes: r.Body}
	defer body.takeBack()
	for range maxStale {
		watch := newWatchdog(o.cfg.Read, func() { cancel(errReadTimeout) })
		var trace connTrace
		a, err := o.exchange(trace.in(timed, watch), t, body, r.Buffer, watch)
		watch.stop()
		switch reused, received := trace.seen(); {
		case err == nil && a.head.success():
			return a.body, nil
		case a.head.status != 0 && !a.head.success():
			return nil, o.e.refused(t, &a, reused)
		case timed.Err() != nil:
			return nil, o.e.failed(ctx, t, context.Cause(timed), a.head.status != 0, reused)
		case !reused || received || isNoConnection(err) || errors.Is(err, os.ErrDeadlineExceeded):
			return nil, o.e.failed(ctx, t, err, a.head.status != 0, reused)
		}
	}
	return nil, o.e.failed(ctx, t, errStale, false, true)
}

func isNoConnection(err error) bool {
	_, is := errors.AsType[connectError](err)
	return is
}

// maxStale is how many kept-alive connections may turn out to be dead, one after the
// other; net/http has tried more by then.
const maxStale = 4

var errStale = errors.New("several kept-alive connections were dead")

// connTrace is what happens to a request's connection.
type connTrace struct {
	mu               sync.Mutex
	reused, received bool
}

func (c *connTrace) in(ctx context.Context, watch *watchdog) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			c.mu.Lock()
			c.reused = i.Reused
			c.mu.Unlock()
		},
		GotFirstResponseByte: func() {
			c.mu.Lock()
			c.received = true
			c.mu.Unlock()
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { watch.start() },
	})
}

func (c *connTrace) seen() (reused, received bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reused, c.received
}

// exchange sends a request and reads its response.
func (o *okhttp) exchange(ctx context.Context, t *target, body *lentBody, buffer []byte, watch *watchdog) (answer, error) {
	q, err := o.request(ctx, t, body)
	if err != nil {
		return answer{}, err
	}
	g := o.acquire()
	defer o.release(g)
	client := o.client
	client.Transport = g.transport
	resp, err := client.Do(q) //nolint:bodyclose // below; an error has no body
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL, which may have a secret in it
		}
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // what counts was read
	a := answer{head: okHead(resp)}
	h := &a.head
	from := func(p []byte) (int, error) {
		watch.start()
		return resp.Body.Read(p)
	}
	b := reader{src: readerFunc(from), limits: limits{head: o.cfg.MaxHeaderBytes, body: o.cfg.MaxPayloadBytes}}
	b.next()
	if h.success() {
		a.body, _, err = b.success(h, buffer)
		return a, err
	}
	a.body, _, _ = b.body(h, nil, maxFailedBody) // the status says enough
	return a, nil
}

// request leaves the rest to net/http. The empty Idempotency-Key, which is not sent, tells
// it that a request may go out again when a kept-alive connection was dead.
func (o *okhttp) request(ctx context.Context, t *target, body *lentBody) (*http.Request, error) {
	u := *t.url
	u.User = nil
	var err error
	if u.Host, err = o.host(t); err != nil {
		return nil, connectError{err}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return nil, err
	}
	q.ContentLength = int64(len(body.bytes))
	q.GetBody = func() (io.ReadCloser, error) { return &lentReader{body: body}, nil }
	q.Body = &lentReader{body: body}
	if q.ContentLength == 0 {
		q.Body, q.GetBody = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	}
	q.Header = http.Header{
		"Content-Type": {octetStream}, "Accept-Encoding": {"gzip"}, "User-Agent": {userAgent}, "Idempotency-Key": {},
	}
	if auth := t.basicAuth(); auth != "" {
		q.Header.Set("Authorization", auth)
	}
	for _, x := range o.e.headers.list {
		q.Header.Set(x.name, x.value)
	}
	q.Header.Del("Host")
	q.Host = o.e.headers.or("Host", t.hostHeader())
	return q, nil
}

// okHead is the head of net/http's response.
func okHead(resp *http.Response) head {
	h := head{status: resp.StatusCode, length: -1, contentType: resp.Header.Get("Content-Type")}
	h.octets = strings.EqualFold(h.contentType, octetStream)
	h.reason = strings.TrimSpace(strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode)))
	h.location, h.retryAfter = resp.Header.Get("Location"), resp.Header.Get("Retry-After")
	h.failedInvocation, h.permanent, h.maxAttempts = resp.Header.Get(failedInvocation), resp.Header.Get(permanent), resp.Header.Get(maxAttempts)
	for _, v := range resp.Header["Content-Encoding"] {
		h.addCoding([]byte(v))
	}
	h.length = resp.ContentLength
	return h
}

// checkRedirect keeps what is secret from other servers.
func (o *okhttp) checkRedirect(q *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	if first := via[0].URL; q.URL.Scheme != first.Scheme || q.URL.Host != first.Host {
		q.Header.Del("Authorization")
		for _, x := range o.e.headers.list {
			q.Header.Del(x.name)
		}
	}
	return nil
}

// close ends all attempts and connections.
func (o *okhttp) close() {
	o.mu.Lock()
	o.closed = true
	for cancel := range o.busy {
		(*cancel)(ErrClosed)
	}
	g := o.current
	o.mu.Unlock()
	o.ended.Wait()
	if g != nil {
		g.transport.CloseIdleConnections()
	}
	o.mu.Lock()
	conns := slices.Collect(maps.Keys(o.conns))
	o.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // of an older generation
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
