package endpoint

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
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

// What has spent its budget is not sent.
func TestSpentBudget(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	e := open(t, Config{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { seen.Add(1); octets(w, "x") }), Call: time.Minute})
	mustCall(t, e, "r", "x")
	for _, spent := range []time.Duration{time.Minute - minBudget + 1, time.Minute, time.Hour} {
		_, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Spent: spent})
		if f, ok := errors.AsType[*Failure](err); !ok || f.Kind != Timeout {
			t.Errorf("spent %v: got %v", spent, err)
		}
	}
	if seen.Load() != 1 {
		t.Errorf("%d requests", seen.Load())
	}
}

// COMPAT 44: kept-alive connections are used again until they are pool_ttl old, and 1
// to 3 s more; idle ones are closed then, too.
func TestPoolTTL(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		synctest.Test(t, func(t *testing.T) {
			e, net := bubble(t, Config{Profile: p, PoolTTL: 15 * time.Second}, func(w http.ResponseWriter, r *http.Request) { octets(w, r.RemoteAddr) })
			var made []time.Duration
			start := time.Now()
			for time.Since(start) < 2*time.Minute {
				before := len(net.dials())
				mustCall(t, e, "r", "pipe")
				if len(net.dials()) != before {
					made = append(made, time.Since(start))
				}
				<-time.After(50 * time.Millisecond)
			}
			if len(made) < 7 {
				t.Errorf("connections were made at %v", made)
			}
			for i := range made[1:] {
				if age := made[i+1] - made[i]; age < 16*time.Second || age > 18*time.Second+50*time.Millisecond {
					t.Errorf("a connection lived %v", age)
				}
			}
		})
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Duration, 10)
		start := time.Now()
		p := newPipes()
		cfg := Config{URL: "http://10.0.0.1/"}
		p.use(&cfg)
		e := open(t, cfg)
		var all, both sync.WaitGroup
		both.Add(2)
		for range 2 {
			all.Go(func() {
				c, err := p.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				b := make([]byte, 1000)
				_, _ = c.Read(b)
				both.Done()
				both.Wait()
				_, _ = io.WriteString(c, okHeader+"Content-Length: 0\r\n\r\n")
				_, _ = io.Copy(io.Discard, c)
				ended <- time.Since(start)
			})
		}
		all.Go(func() { mustCall(t, e, "r", "") })
		mustCall(t, e, "r", "")
		all.Wait()
		for range 2 {
			if d := <-ended; d < 16*time.Second || d > 18*time.Second {
				t.Errorf("a connection was closed after %v", d)
			}
		}
	})
}

// COMPAT 44: without pool_ttl connections stay.
func TestNoPoolTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, net := bubble(t, Config{PoolTTL: -1}, func(w http.ResponseWriter, _ *http.Request) { octets(w, "x") })
		for range 5 {
			mustCall(t, e, "r", "x")
			<-time.After(time.Hour)
		}
		if n := len(net.dials()); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// A server that says how long it keeps idle connections (Node: "timeout=5") is asked
// on none that is near that.
func TestKeepAliveHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, net := bubble(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Keep-Alive", "max=100, timeout=5")
			octets(w, "x")
		})
		for _, c := range []struct {
			pause time.Duration
			conns int
		}{{0, 1}, {3900 * time.Millisecond, 1}, {4 * time.Second, 2}, {0, 2}} {
			<-time.After(c.pause)
			mustCall(t, e, "r", "x")
			if n := len(net.dials()); n != c.conns {
				t.Errorf("after %v: %d connections, want %d", c.pause, n, c.conns)
			}
		}
	})
}

// COMPAT 43: call, in every phase, and connect.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request) { // never silent, never done
		octets(w, "x")
		for {
			http.NewResponseController(w).Flush() //nolint:errcheck // it is a pipe
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
			_, _ = io.WriteString(w, "x")
		}
	}
	for name, c := range map[string]struct {
		cfg  Config
		h    http.HandlerFunc
		took time.Duration
		want string
	}{
		"async, no answer":         {Config{Call: 7 * time.Second}, silent, 7 * time.Second, "no complete response within the call time-out of 7s"},
		"async, no end":            {Config{Call: 7 * time.Second}, drip, 7 * time.Second, "call time-out of 7s"},
		"async, defaults":          {Config{}, silent, 2 * time.Minute, "call time-out of 2m0s"},
		"okhttp, no end":           {Config{Profile: OkHTTP, Call: 7 * time.Second}, drip, 7 * time.Second, "call time-out of 7s"},
		"okhttp, no answer":        {Config{Profile: OkHTTP, Read: 3 * time.Second}, silent, 3 * time.Second, "nothing received within the read time-out of 3s"},
		"okhttp, defaults":         {Config{Profile: OkHTTP}, silent, 10 * time.Second, "read time-out of 10s"},
		"okhttp, defaults, no end": {Config{Profile: OkHTTP}, drip, time.Minute, "call time-out of 1m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e, _ := bubble(t, c.cfg, c.h)
				if took := within(func() { mustFail(t, e, Timeout, c.want) }); took != c.took {
					t.Errorf("took %v", took)
				}
			})
		})
	}
	for _, p := range bothProfiles {
		synctest.Test(t, func(t *testing.T) {
			cfg := Config{URL: "http://10.0.0.1/", Profile: p}
			newPipes().use(&cfg) // accepts nothing
			e := open(t, cfg)
			want := p.defaults().connect
			took := within(func() { mustFail(t, e, Connect, "no connection within the connect time-out of "+want.String()) })
			if took != want {
				t.Errorf("took %v", took)
			}
			cfg.Connect, cfg.Call = 4*time.Second, 5*time.Second
			e = open(t, cfg)
			if took := within(func() { mustFail(t, e, Connect, "connect time-out of 4s") }); took != 4*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{URL: "http://10.0.0.1/", Call: 5 * time.Second}
		newPipes().use(&cfg)
		e := open(t, cfg)
		if took := within(func() { mustFail(t, e, Connect, "no connection within the call time-out of 5s") }); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the server reads nothing
		p := newPipes()
		cfg := Config{URL: "http://10.0.0.1/", Profile: OkHTTP, Write: 3 * time.Second}
		p.use(&cfg)
		e := open(t, cfg)
		go func() {
			for c, err := p.Accept(); err == nil; c, err = p.Accept() {
				t.Cleanup(func() { c.Close() })
			}
		}()
		defer p.Close()
		if took := within(func() { mustFail(t, e, Timeout, "write time-out of 3s") }); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// One timer serves the deadlines of all requests: each ends at its own, and a request
// that was answered in time is not touched by that of an earlier one.
func TestManyDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := bubble(t, Config{Call: 10 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if string(b) == "slow" {
				<-r.Context().Done()
				return
			}
			octets(w, "x")
		})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				spent := time.Duration(i*7%50) * 100 * time.Millisecond
				took := within(func() {
					_, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Body: []byte("slow"), Spent: spent})
					if f, ok := errors.AsType[*Failure](err); !ok || f.Kind != Timeout {
						t.Errorf("got %v", err)
					}
				})
				if took != 10*time.Second-spent {
					t.Errorf("spent %v: took %v", spent, took)
				}
			})
		}
		for range 100 {
			mustCall(t, e, "quick", "x")
			<-time.After(300 * time.Millisecond)
		}
		all.Wait()
	})
}

// All addresses of a name are used; new ones get work, and gone ones lose it, within
// pool_ttl and its jitter.
func TestReplicas(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		synctest.Test(t, func(t *testing.T) {
			e, net := bubble(t, Config{URL: "http://fns:8000/", Profile: p, PoolTTL: 5 * time.Second}, func(w http.ResponseWriter, _ *http.Request) {
				<-time.After(10 * time.Millisecond)
				octets(w, "x")
			})
			set := func(addrs ...string) {
				net.mu.Lock()
				defer net.mu.Unlock()
				net.dialed, net.lookup["fns"] = nil, nil
				for _, a := range addrs {
					net.lookup["fns"] = append(net.lookup["fns"], netip.MustParseAddr(a))
				}
			}
			burst := func(d time.Duration) {
				for start := time.Now(); time.Since(start) < d; {
					var all sync.WaitGroup
					for range 12 {
						all.Go(func() { mustCall(t, e, "r", "x") })
					}
					all.Wait()
				}
			}
			set("10.0.0.1", "10.0.0.2", "10.0.0.3")
			burst(time.Second)
			for _, a := range []string{"10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"} {
				if n := count(net.dials(), a); n != 4 {
					t.Errorf("%s: %d connections", a, n)
				}
			}
			set("10.0.0.3", "fd00::4")
			burst(9 * time.Second)
			d := net.dials()
			if n := count(d, "[fd00::4]:8000"); n == 0 || count(d, "10.0.0.3:8000") == 0 || len(d) != n+count(d, "10.0.0.3:8000") {
				t.Errorf("connections were made to %v", d)
			}
		})
	}
}

func count(all []string, s string) (n int) {
	for _, a := range all {
		if a == s {
			n++
		}
	}
	return n
}

// A replica that cannot be reached does no harm while another one can be.
func TestOneReplicaDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, net := bubble(t, Config{URL: "http://fns/", PoolTTL: time.Nanosecond}, func(w http.ResponseWriter, _ *http.Request) { octets(w, "x") })
		net.lookup["fns"] = []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
		net.refuse["10.0.0.1:80"] = true
		for range 8 {
			mustCall(t, e, "r", "x")
			<-time.After(500 * time.Millisecond)
		}
		// It was tried now and then, not for each connection.
		net.mu.Lock()
		tried := count(net.dialed, "10.0.0.1:80")
		net.refuse["10.0.0.2:80"] = true
		net.mu.Unlock()
		if tried < 1 || tried > 2 {
			t.Errorf("tried %d times", tried)
		}
		<-time.After(5 * time.Second)
		mustFail(t, e, Connect, "connection refused by 10.0.0.2:80")
		net.mu.Lock()
		net.lookup["fns"] = nil
		net.mu.Unlock()
		<-time.After(2 * time.Second)
		mustFail(t, e, Connect, "no connection: the name fns has no address")
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
