package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statefun-go/statefun/connectors/internal/openfiles"
)

// Where the process has no more places for connections, each pool has a few in any
// case. What it takes beyond it gives back.
func TestConnectionsOfTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const more = 4
		places := openfiles.New(more)
		g := newGate()
		var endpoints []*Endpoint
		for range 2 {
			e, _ := bubble(t, Config{places: places, Call: time.Hour}, g.handle)
			endpoints = append(endpoints, e)
		}
		var all sync.WaitGroup
		for i, want := range []int64{sureConnections + more, 2*sureConnections + more} {
			for range 50 {
				all.Go(func() { mustCall(t, endpoints[i], "r", "x") })
			}
			synctest.Wait()
			if n := g.arrived.Load(); n != want {
				t.Errorf("%d requests arrived, want %d", n, want)
			}
		}
		close(g.open)
		all.Wait()
		for _, e := range endpoints {
			e.Close()
		}
		for range more {
			if !places.Take() {
				t.Fatal("a place was lost")
			}
		}
	})
}

// Requests of the OkHTTP profile that find no place were not sent. Connections give
// their places back, and so do those that were not made.
func TestConnectionsOfTheProcessWithOkHTTP(t *testing.T) {
	t.Parallel()
	places := openfiles.New(1)
	var arrived atomic.Int64
	answer, full := make(chan struct{}), make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if arrived.Add(1) == sureConnections+1 {
			close(full)
		}
		<-answer
		octets(w, "x")
	})
	fail := atomic.Bool{}
	e := open(t, Config{URL: url, Profile: OkHTTP, places: places, dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if fail.Load() {
			return nil, errors.New("no way")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	var all sync.WaitGroup
	for range sureConnections + 1 {
		all.Go(func() { mustCall(t, e, "r", "x") })
	}
	<-full
	f := mustFail(t, e, Connect, "not the server's fault but this node's")
	if !errors.Is(&f, errNoPlace) || !f.Retry {
		t.Errorf("got %+v", f)
	}
	close(answer)
	all.Wait()
	e.Close()
	if !places.Take() {
		t.Error("a place was lost")
	}
	places.Give()

	fail.Store(true)
	e = open(t, Config{URL: url, Profile: OkHTTP, places: places, dial: e.cfg.dial})
	for range 2 * sureConnections {
		mustFail(t, e, Connect, "no way")
	}
	if n := len(e.okhttp.conns); n != 0 {
		t.Errorf("%d connections that were not made", n)
	}
}

// A process that has no more files is not the server's fault: no address of the server is
// avoided for it, nothing was sent, and when there are files again all goes on.
func TestNoMoreFiles(t *testing.T) {
	t.Parallel()
	for _, p := range bothProfiles {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) { octets(w, "x") })
			var full atomic.Bool
			full.Store(true)
			e := open(t, Config{URL: url, Profile: p, dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if full.Load() {
					return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.EMFILE}
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			}})
			f := mustFail(t, e, Connect, "not the server's fault but this node's")
			if !strings.Contains(f.Error(), "too many open files") || !f.Retry || f.Reached {
				t.Errorf("got %+v", f)
			}
			full.Store(false)
			mustCall(t, e, "r", "x")
		})
	}
	a := netip.MustParseAddr("10.0.0.1")
	d := &dialer{}
	d.note(a, &net.OpError{Op: "dial", Err: syscall.ENFILE})
	if len(d.failed) > 0 {
		t.Error("the address is avoided")
	}
	d.note(a, syscall.ECONNREFUSED)
	if len(d.failed) != 1 {
		t.Error("the address is not avoided")
	}
}
