package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// A server that asks for what it got, or for a state of another type, has failed. It
// is not asked for ever.
func TestRemoteIncompleteContextsEnd(t *testing.T) {
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		out, err := missing("a", protocol.ExpirationSpec{})
		if said(r)[0] == "type" {
			out.IncompleteInvocationContext.MissingValues[0].TypeTypename = "test/other"
		}
		return out, err
	})
	within(t, s.remote(Remote{MaxAttempts: 3}), func(n *node) {
		n.send("x", text("again"))
		pass(time.Minute)
		n.send("x", text("type"))
		pass(time.Minute)
		q := n.quarantine()
		if len(q) != 2 || q[0].Attempts != 3 || !strings.Contains(q[0].Error, "asks for states that it got") ||
			!strings.Contains(q[1].Error, "Previous type was: test/bytes, new type is: test/other") || s.count() != 1+3+3 {
			n.t.Errorf("%d requests, quarantine %+v", s.count(), q)
		}
	})
}

// A batch with a message that fails is parted until it is alone. Only its attempts
// count; all others are handled once and in order. COMPAT 108, and 1.3: All or nothing.
func TestRemotePoisonIsFoundAndSetAside(t *testing.T) {
	alone := 0
	var handled []string
	first := true
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if first {
			first = false
			time.Sleep(time.Second) //nolint:forbidigo // fake time
		}
		if slices.Contains(said(r), "poison") {
			if len(r.Invocations) == 1 {
				alone++
			}
			return protocol.FromFunction{}, &CallError{Err: errors.New("status 500")}
		}
		handled = append(handled, said(r)...)
		return nothing()
	})
	within(t, s.remote(Remote{MaxAttempts: 4}), func(n *node) {
		want := []string{}
		for i := range 100 {
			m := fmt.Sprint(i)
			if i == 70 {
				n.send("x", text("poison"))
			}
			n.send("x", text(m))
			want = append(want, m)
		}
		pass(time.Hour)
		q := n.quarantine()
		if len(q) != 1 || q[0].Attempts != 4 || !strings.Contains(q[0].Error, "status 500") || alone != 4 {
			n.t.Errorf("quarantine %+v, alone %d times", q, alone)
		}
		if got := strings.Join(handled, " "); got != strings.Join(want, " ") || s.count() > 30 {
			n.t.Errorf("%d requests handled %s", s.count(), got)
		}
	})
}

// While a server is away nothing is counted: no message is set aside, and all are
// handled when it is back. One address alone that is told no is at fault itself; so
// is one that fails while others get through.
func TestRemoteServerAway(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		ids   string
		good  bool // another address gets through
		count int  // of quarantined messages
	}{
		"unsent":              {&CallError{Err: errors.New("refused"), Unsent: true, Down: true}, "a", true, 0},
		"down":                {&CallError{Err: errors.New("time-out"), Down: true}, "ab", false, 0},
		"down, others are up": {&CallError{Err: errors.New("time-out"), Down: true}, "a", true, 1},
		"no to all":           {&CallError{Err: errors.New("status 500")}, "abc", false, 0},
		"no to one":           {&CallError{Err: errors.New("status 500")}, "a", false, 1},
		"no to some":          {&CallError{Err: errors.New("status 500")}, "ab", true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var back atomic.Bool
			var handled atomic.Int64
			s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				if back.Load() || r.Target.ID == "good" {
					handled.Add(int64(len(r.Invocations)))
					return nothing()
				}
				return protocol.FromFunction{}, test.err
			})
			s.probe = func(r *protocol.InvocationBatchRequest) error {
				if back.Load() || r.Target.ID == "good" {
					return nil
				}
				return test.err
			}
			within(t, s.remote(Remote{MaxAttempts: 3}), func(n *node) {
				for _, id := range test.ids {
					n.send(string(id), text("m"))
				}
				for range 60 {
					if test.good {
						n.send("good", text("m"))
					}
					pass(time.Minute)
				}
				handled.Store(0)
				back.Store(true)
				pass(time.Minute)
				if q := n.quarantine(); len(q) != test.count || handled.Load() != int64(len(test.ids)-test.count) {
					n.t.Errorf("handled %d, quarantine %+v", handled.Load(), q)
				}
			})
		})
	}
}

// The time that a server asks for is kept, and unlimited attempts are.
func TestRemoteRetryAfterAndForEver(t *testing.T) {
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		return protocol.FromFunction{}, &CallError{Err: errors.New("status 429"), RetryAfter: time.Minute}
	})
	within(t, s.remote(Remote{MaxAttempts: -1}), func(n *node) {
		n.send("x", text("m"))
		pass(time.Hour - time.Second)
		if s.count() != 60 || len(n.quarantine()) > 0 {
			n.t.Errorf("%d requests, quarantine %+v", s.count(), n.quarantine())
		}
	})
}

// A request that is too large is halved; what the limit allows goes together. COMPAT 1.3: Size.
func TestRemoteRequestsAreBoundedByBytes(t *testing.T) {
	handled := 0
	most := 5
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if r := (protocol.ToFunction{Invocation: *r}); len(r.Invocation.Invocations) > 1 && r.Size() > 3000 {
			t.Errorf("a request of %d bytes", r.Size())
		}
		if len(r.Invocations) > most {
			return protocol.FromFunction{}, &CallError{Err: errors.New("status 413"), TooLarge: true}
		}
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		handled += len(r.Invocations)
		return nothing()
	})
	within(t, s.remote(Remote{MaxBatchBytes: 3000}), func(n *node) {
		for i := range 60 {
			n.send("x", text(strings.Repeat("m", 1+i*10)))
		}
		pass(time.Hour)
		if handled != 60 || len(n.quarantine()) > 0 {
			n.t.Errorf("handled %d, quarantine %+v", handled, n.quarantine())
		}
	})
}

// A server that says which invocation failed saves the search: those before it go first,
// then it goes alone, and it is tried as often as its function wants, unless the
// endpoint's own limit is set.
func TestRemoteServerNamesTheInvocation(t *testing.T) {
	for name, c := range map[string]struct {
		limit, wants, attempts int
		permanent              bool
	}{
		"default":                {attempts: 10},
		"of the function":        {wants: 3, attempts: 3},
		"of the endpoint":        {limit: 5, wants: 3, attempts: 5},
		"for ever, but for this": {limit: -1, permanent: true, attempts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var requests [][]string
			s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				if said(r)[0] == "first" {
					time.Sleep(time.Second) //nolint:forbidigo // fake time
					return nothing()
				}
				requests = append(requests, said(r))
				i := slices.Index(said(r), "poison")
				if i < 0 {
					return nothing()
				}
				err := errors.New("status 500")
				if c.permanent {
					err = functions.Permanent(err)
				}
				return protocol.FromFunction{}, &CallError{Err: err, Invocation: i + 1, MaxAttempts: c.wants}
			})
			within(t, s.remote(Remote{MaxAttempts: c.limit}), func(n *node) {
				n.send("x", text("first"))
				pass(time.Millisecond)
				for _, m := range []string{"1", "2", "3", "poison", "4", "5"} {
					n.send("x", text(m))
				}
				pass(time.Hour)
				q := n.quarantine()
				if len(q) != 1 || q[0].Attempts != c.attempts || len(requests) != 2+c.attempts+1 {
					n.t.Fatalf("%d requests: %v, quarantine %+v", len(requests), requests, q)
				}
				for i, want := range map[int]string{0: "1 2 3 poison 4 5", 1: "1 2 3", 2: "poison", len(requests) - 1: "4 5"} {
					if got := strings.Join(requests[i], " "); got != want {
						n.t.Errorf("request %d has %q, want %q", i, got, want)
					}
				}
			})
		})
	}
}

// A number that no invocation of the request has is no help, and no harm.
func TestRemoteServerNamesNoInvocation(t *testing.T) {
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if slices.Contains(said(r), "poison") {
			return protocol.FromFunction{}, &CallError{Err: errors.New("status 500"), Invocation: 1000}
		}
		return nothing()
	})
	within(t, s.remote(Remote{MaxAttempts: 2}), func(n *node) {
		for _, m := range []string{"1", "2", "poison", "3"} {
			n.send("x", text(m))
		}
		pass(time.Hour)
		if q := n.quarantine(); len(q) != 1 || q[0].Attempts != 2 || n.Metrics().Functions[testType].In != 3 {
			n.t.Errorf("quarantine %+v", q)
		}
	})
}

// A message that fails for good is set aside without another attempt, once it is alone in its
// request. COMPAT 42.
func TestRemotePermanentFailures(t *testing.T) {
	alone := 0
	var s *script
	s = serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		if slices.Contains(said(r), "poison") {
			if len(r.Invocations) == 1 {
				s.note(func() { alone++ })
			}
			return protocol.FromFunction{}, &CallError{Err: functions.Permanent(errors.New("status 404"))}
		}
		return nothing()
	})
	within(t, s.remote(Remote{}), func(n *node) {
		for _, m := range []string{"1", "2", "poison", "3"} {
			n.send("x", text(m))
			n.send("y", text(m))
		}
		pass(time.Hour)
		if q := n.quarantine(); len(q) != 2 || q[0].Attempts != 1 || alone != 2 || n.Metrics().Functions[testType].In != 6 {
			n.t.Errorf("alone %d times, quarantine %+v", alone, q)
		}
	})
}

// Back-off begins with the first pause, doubles, and is spread: between half of the
// pause and all of it. COMPAT 41.
func TestRemoteBackoff(t *testing.T) {
	var at []time.Time
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		at = append(at, time.Now())
		return protocol.FromFunction{}, errSaysNo
	})
	o := s.remote(Remote{MaxAttempts: 12})
	o.FirstBackoff, o.LastBackoff = 2*time.Millisecond, time.Second
	within(t, o, func(n *node) {
		n.send("x", text("m"))
		pass(time.Hour)
		spread := 0
		for i := range at[1:] {
			pause, most := at[i+1].Sub(at[i]), min(2*time.Millisecond<<i, time.Second)
			if pause < most/2 || pause > most {
				n.t.Errorf("pause %d took %v, want up to %v", i, pause, most)
			}
			if pause < most {
				spread++
			}
		}
		if len(at) != 12 || spread < 4 {
			n.t.Errorf("%d attempts, %d pauses are not the whole ones", len(at), spread)
		}
	})
}

// A server that fails a few times and then answers is told everything once. COMPAT 40.
func TestRemoteFailuresThenSuccess(t *testing.T) {
	for name, failure := range map[string]error{"refused": errRefused, "hangs": errHangs, "no": errSaysNo, "no message of the protocol": nil} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			failed, sum := 0, 0
			s.answer = func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				if failed++; failed <= 5 {
					return protocol.FromFunction{InvocationResult: protocol.InvocationResponse{Present: failure == nil}}, failure
				}
				sum += len(r.Invocations)
				return nothing()
			}
			o := s.remote(Remote{MaxAttempts: 6})
			if failure == nil {
				o.Remotes[0].Caller = garbler{s, func() bool { return failed <= 5 }}
			}
			within(t, o, func(n *node) {
				n.send("x", text("m"))
				pass(time.Minute)
				if sum != 1 || failed != 6 || len(n.quarantine()) > 0 {
					n.t.Errorf("%d handled in %d requests, quarantine %+v", sum, failed, n.quarantine())
				}
			})
		})
	}
}

// garbler makes responses unreadable for a while.
type garbler struct {
	Caller
	garbles func() bool
}

func (g garbler) Call(ctx context.Context, f functions.TypeName, request []byte) ([]byte, error) {
	b, err := g.Caller.Call(ctx, f, request)
	if g.garbles() {
		return []byte{0xff}, err
	}
	return b, err
}
