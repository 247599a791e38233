package actors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
// count; all others are handled once and in order. COMPAT 108.
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

// A request that is too large is halved; what the limit allows goes together.
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
