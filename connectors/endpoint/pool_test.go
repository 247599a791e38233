package endpoint

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// gate lets requests through one by one.
type gate struct {
	arrived atomic.Int64
	open    chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) handle(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	g.arrived.Add(1)
	<-g.open
	octets(w, "x")
}

// COMPAT 44: pool_size bounds the connections; who has to wait is served in turn.
func TestPoolSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		e, net := bubble(t, Config{PoolSize: 3}, g.handle)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { mustCall(t, e, "r", "x") })
		}
		synctest.Wait()
		for i := range 7 {
			if n := g.arrived.Load(); n != int64(3+i) {
				t.Errorf("%d requests arrived, want %d", n, 3+i)
			}
			g.open <- struct{}{}
			synctest.Wait()
		}
		close(g.open)
		all.Wait()
		if n := len(net.dials()); n != 3 {
			t.Errorf("%d connections", n)
		}
	})
}

// The call's time-out covers the wait for a connection. Places of those who gave up
// are not lost.
func TestWaitingForAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		e, _ := bubble(t, Config{PoolSize: 1, Call: 5 * time.Second}, g.handle)
		var all sync.WaitGroup
		all.Go(func() { mustFail(t, e, Timeout, "call time-out of 5s") })
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		all.Go(func() {
			took := within(func() { mustFail(t, e, Connect, "no connection within the call time-out of 5s") })
			if took != 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
		all.Go(func() {
			took := within(func() {
				_, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Spent: 3 * time.Second})
				if f, ok := errors.AsType[*Failure](err); !ok || f.Kind != Connect {
					t.Errorf("got %v", err)
				}
			})
			if took != 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
		cause := errors.New("enough")
		all.Go(func() {
			if _, err := e.Attempt(ctx, Request{Function: "ns/fn"}); !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		cancel(cause)
		all.Wait()
		close(g.open)
		mustCall(t, e, "r", "x")
	})
}

// Many callers, time-outs, contexts and closing at random: nothing hangs, no place in the
// pool is lost, and no response goes to another request.
func TestPoolUnderStress(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if strings.HasSuffix(string(b), "7") {
			w.Header().Set("Connection", "close")
		}
		if strings.HasSuffix(string(b), "3") {
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		octets(w, string(b))
	})
	e := open(t, Config{URL: url, PoolSize: 4, Call: 10 * time.Second, PoolTTL: time.Millisecond})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 40 {
				stress(t, e, i*1000+j)
			}
		})
	}
	all.Wait()
	p := onlyPool(e)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dialing != 0 || len(p.all) != len(p.idle) || len(p.all) > 4 || p.waiting.Len() != 0 {
		t.Errorf("dialing=%d all=%d idle=%d waiting=%d", p.dialing, len(p.all), len(p.idle), p.waiting.Len())
	}
}

func onlyPool(e *Endpoint) *pool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.pools {
		return p
	}
	return nil
}

func stress(t *testing.T, e *Endpoint, n int) {
	t.Helper()
	body := strings.Repeat("x", n%5) + string(rune('0'+n%10))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	spent := time.Duration(0)
	switch n % 11 {
	case 3:
		spent = 10*time.Second - 5*time.Millisecond
	case 5:
		stop := time.AfterFunc(3*time.Millisecond, cancel)
		defer stop.Stop()
	}
	b, err := e.Attempt(ctx, Request{Function: "ns/fn", Body: []byte(body), Spent: spent})
	f, failed := errors.AsType[*Failure](err)
	switch {
	case err == nil && string(b) == body:
	case failed && (f.Kind == Timeout || f.Kind == Connect) && spent > 0:
	case errors.Is(err, context.Canceled) && n%11 == 5:
	default:
		t.Errorf("%d: got %q, %v", n, b, err)
	}
}

// What a caller hands in is not touched once it has its response.
func TestBodiesAreGivenBack(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/early" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b, _ := io.ReadAll(r.Body)
		octets(w, string(b[:1]))
	})
	for _, p := range bothProfiles {
		for _, path := range []string{"/", "/early"} {
			e := open(t, Config{URL: url + path, Profile: p})
			body := slices.Repeat([]byte("a"), 1<<20)
			for i := range 5 {
				clear(body[:1]) // the race detector sees who reads it still
				body[0] = byte('a' + i)
				if b, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Body: body}); path == "/" && (err != nil || b[0] != body[0]) {
					t.Errorf("got %q, %v", b, err)
				}
			}
		}
	}
}
