package endpoint

import (
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
