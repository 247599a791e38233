package endpoint

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
