package actors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

var (
	errRefused  = &CallError{Err: errors.New("connection refused"), Unsent: true, Down: true}
	errHangs    = &CallError{Err: errors.New("time-out"), Down: true}
	errSaysNo   = &CallError{Err: errors.New("status 500")}
	errBadGate  = &CallError{Err: errors.New("status 502"), Down: true}
	errTryLater = &CallError{Err: errors.New("status 429"), Unsent: true, Down: true, RetryAfter: time.Minute}
)

// A server that is away for hours is asked now and then, by one address at a time,
// however many wait; nothing is counted. When it is back it gets twice as much with each
// round of answers, and everything is handled once, in order.
func TestRemoteServerIsNotRunOver(t *testing.T) {
	const addresses = 500
	for name, away := range map[string]error{"refused": errRefused, "time-out": errHangs, "status 502": errBadGate, "status 500": errSaysNo, "status 429": errTryLater} {
		t.Run(name, func(t *testing.T) {
			var back atomic.Bool
			heard := map[string][]string{}
			s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				if !back.Load() {
					return protocol.FromFunction{}, away
				}
				time.Sleep(time.Second) //nolint:forbidigo // fake time
				return nothing()
			})
			s.probe = func(*protocol.InvocationBatchRequest) error {
				if back.Load() {
					return nil
				}
				return away
			}
			within(t, s.remote(Remote{MaxAttempts: 3}), func(n *node) {
				back.Store(true)
				n.send("first", text("m")) // the function is known then
				pass(time.Minute)
				back.Store(false)
				for i := range addresses {
					n.send(fmt.Sprint(i), text("1"))
					n.send(fmt.Sprint(i), text("2"))
				}
				pass(time.Minute)
				was := s.counts()
				s.lookAgain()
				if was.requests+was.probes > addresses+60 { // once each at most, on their way when it went, and a few tries
					n.t.Errorf("%d requests in the first minute, and %d probes", was.requests, was.probes)
				}
				pass(2 * time.Hour)
				// A pause is 5 to 10 s.
				is := s.counts()
				if tries := is.requests - was.requests + is.probes - was.probes; tries > 2*2*3600/5+10 || tries < 2*3600/60-10 || is.most > 2 {
					n.t.Errorf("%d requests in 2 hours, %d at a time", tries, is.most)
				}
				back.Store(true)
				for second := range 70 {
					pass(time.Second)
					if second == 69 {
						break
					}
					if c := s.counts(); c.running > 0 && c.most > 1<<min(second+2, 20) {
						n.t.Fatalf("%d requests at a time after %d s", c.most, second)
					}
				}
				for _, r := range s.from(is.requests) {
					heard[r.Target.ID] = append(heard[r.Target.ID], said(&r)...)
				}
				for i := range addresses {
					if got := strings.Join(heard[fmt.Sprint(i)], ""); got != "12" {
						n.t.Fatalf("address %d has got %q", i, got)
					}
				}
				if q := n.quarantine(); len(q) > 0 {
					n.t.Errorf("quarantined: %+v", q)
				}
			})
		})
	}
}

// A message that a server fails on, with no other address to compare with, is set aside
// all the same, if the server is seen to be there otherwise: whether it says no, hangs,
// or breaks down over it. Several of them wait, for hours, as what the server needs may
// be away; once other addresses are answered, they are set aside. What comes after
// them is handled.
func TestRemotePoisonAlone(t *testing.T) {
	for name, failure := range map[string]error{"says no": errSaysNo, "hangs": errHangs, "gateway": errBadGate} {
		for _, ids := range []string{"a", "ab", "abcde"} {
			t.Run(name+" "+ids, func(t *testing.T) {
				var handling sync.Mutex
				var handled []string
				s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
					if slices.Contains(said(r), "poison") {
						return protocol.FromFunction{}, failure
					}
					handling.Lock()
					defer handling.Unlock()
					if r.Target.ID != "other" {
						handled = append(handled, said(r)...)
					}
					return nothing()
				})
				within(t, s.remote(Remote{MaxAttempts: 4}), func(n *node) {
					for _, id := range ids {
						n.send(string(id), text("poison"))
					}
					pass(2 * time.Hour)
					if len(ids) > 1 {
						if q := n.quarantine(); len(q) > 0 {
							n.t.Errorf("with nothing answered, quarantined: %+v", q)
						}
						for range 10 {
							n.send("other", text("well"))
							pass(time.Minute)
						}
					}
					q := n.quarantine()
					for _, m := range q {
						if m.Attempts != 4 || !strings.Contains(m.Error, failure.Error()) {
							n.t.Errorf("quarantined: %+v", m)
						}
					}
					for _, id := range ids {
						n.send(string(id), text("fine"))
					}
					pass(time.Minute)
					if len(q) != len(ids) || len(handled) != len(ids) {
						n.t.Errorf("handled %v, quarantine %+v", handled, q)
					}
				})
			})
		}
	}
}

// A message that ends its server's process, which is started again a while later, is
// found: the server was there before it. COMPAT 1.3: Crash.
func TestRemotePoisonEndsTheServer(t *testing.T) {
	var until time.Time
	deaths := 0
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		switch {
		case time.Now().Before(until):
			return protocol.FromFunction{}, errRefused
		case slices.Contains(said(r), "poison"):
			deaths++
			until = time.Now().Add(time.Minute)
			return protocol.FromFunction{}, errHangs
		}
		return nothing()
	})
	s.probe = func(*protocol.InvocationBatchRequest) error {
		if time.Now().Before(until) {
			return errRefused
		}
		return nil
	}
	within(t, s.remote(Remote{MaxAttempts: 3}), func(n *node) {
		n.send("x", text("poison"))
		n.send("x", text("fine"))
		pass(time.Hour)
		q := n.quarantine()
		last := s.last()
		if len(q) != 1 || deaths > 3+2 || said(&last)[0] != "fine" {
			n.t.Errorf("the server has died %d times, quarantine %+v, last %v", deaths, q, said(&last))
		}
	})
}

// A server that does not take requests without messages is not away for ever.
func TestRemoteProbeIsNotUnderstood(t *testing.T) {
	for name, no := range map[string]error{"no": errSaysNo, "hangs": errHangs, "gateway": errBadGate} {
		t.Run(name, func(t *testing.T) {
			var back atomic.Bool
			s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				if back.Load() {
					return nothing()
				}
				return protocol.FromFunction{}, errHangs
			})
			s.probe = func(*protocol.InvocationBatchRequest) error { return no }
			within(t, s.remote(Remote{MaxAttempts: 3}), func(n *node) {
				n.send("a", text("m"))
				n.send("b", text("m"))
				pass(time.Hour)
				back.Store(true)
				pass(time.Minute)
				if err := n.Idle(n.t.Context()); err != nil || n.Metrics().Held > 0 || len(n.quarantine()) > 0 {
					n.t.Errorf("%v, %d messages wait, quarantine %+v", err, n.Metrics().Held, n.quarantine())
				}
			})
		})
	}
}

// Requests that wait for their turn, when many are under way, are held back when the
// server goes away.
func TestRemoteRequestsInLineAreHeldBack(t *testing.T) {
	var back atomic.Bool
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		if back.Load() {
			return nothing()
		}
		return protocol.FromFunction{}, errRefused
	})
	s.probe = func(*protocol.InvocationBatchRequest) error {
		if back.Load() {
			return nil
		}
		return errRefused
	}
	back.Store(true)
	within(t, s.remote(Remote{MaxInFlight: 2}), func(n *node) {
		n.send("first", text("m"))
		pass(2 * time.Second)
		back.Store(false)
		for i := range 100 {
			n.send(fmt.Sprint(i), text("m"))
		}
		pass(time.Minute)
		if s.count() > 1+2+2 { // those under way, and those that began before anybody knew
			n.t.Errorf("%d requests to a server that is away", s.count())
		}
		back.Store(true)
		pass(5 * time.Minute)
		if n.Metrics().Held > 0 {
			n.t.Errorf("%d messages wait", n.Metrics().Held)
		}
	})
}

// Addresses that leave the line, as they are purged, do not stop it.
func TestRemotePurgedAddressesLeaveTheLine(t *testing.T) {
	var back atomic.Bool
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if back.Load() {
			return nothing()
		}
		return protocol.FromFunction{}, errRefused
	})
	s.probe = func(*protocol.InvocationBatchRequest) error { return errRefused }
	within(t, s.remote(Remote{}), func(n *node) {
		ids := strings.Split("abcdefghij", "")
		for _, id := range ids {
			n.send(id, text("m"))
		}
		pass(time.Minute)
		for _, id := range ids[:9] {
			if _, err := n.Purge(n.t.Context(), at(id), false); err != nil {
				n.t.Fatal(err)
			}
		}
		back.Store(true)
		s.mu.Lock()
		s.probe = nil
		s.mu.Unlock()
		pass(time.Minute)
		if last := s.last(); last.Target.ID != "j" || n.Metrics().Held > 0 {
			n.t.Errorf("the last request was of %s, %d messages wait", last.Target, n.Metrics().Held)
		}
	})
}

// Hosts of one endpoint go away each by itself.
func TestRemoteHostsGoAwayAlone(t *testing.T) {
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if r.Target.Type == "test/dead" {
			return protocol.FromFunction{}, errHangs
		}
		return nothing()
	})
	s.probe = func(*protocol.InvocationBatchRequest) error { return errHangs }
	o := Options{Remotes: []Remote{{Functions: "test/*", Caller: s, MaxAttempts: 3, Host: func(t functions.TypeName) string { return t.Name() }}}}
	within(t, o, func(n *node) {
		for i := range 100 {
			for _, f := range []functions.TypeName{"test/dead", "test/fine"} {
				if err := n.Send(n.t.Context(), f.At(fmt.Sprint(i)), text("m")); err != nil {
					n.t.Fatal(err)
				}
			}
			pass(time.Minute)
		}
		m := n.Metrics()
		if in := m.Functions["test/fine"].In; in != 100 || len(n.quarantine()) > 0 || m.Held != 100 {
			n.t.Errorf("%d handled, %d wait, quarantine %+v", in, m.Held, n.quarantine())
		}
	})
}
