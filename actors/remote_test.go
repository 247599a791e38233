package actors

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/persistence/environment"
)

// A server asks for its states once; then they come with every request, also after
// a restart, and what it sets is what it gets. COMPAT 7, 8, 10, 11, 38.
func TestRemoteStatesAreLearntSentAndKept(t *testing.T) {
	var declared []string
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		for _, name := range declared {
			if stateOf(r, name) == "missing" {
				return missing(name, protocol.ExpirationSpec{})
			}
		}
		switch said(r)[0] {
		case "set":
			return result(protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{mutation(protocol.Modify, "a", "")}})
		case "delete":
			return result(protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{
				mutation(protocol.Delete, "a", ""), mutation(protocol.Delete, "b", ""),
			}})
		}
		return nothing()
	})
	within(t, s.remote(Remote{}), func(n *node) {
		declared = []string{"a"}
		step := func(say string, requests int, a, b string) {
			n.t.Helper()
			before := s.count()
			n.send("x", text(say))
			pass(time.Second)
			last := s.last()
			if gotA, gotB := stateOf(&last, "a"), stateOf(&last, "b"); s.count()-before != requests || gotA != a || gotB != b {
				n.t.Errorf("%s: %d requests, a %s, b %s; want %d, %s, %s", say, s.count()-before, gotA, gotB, requests, a, b)
			}
		}
		step("nothing", 2, "absent", "missing")
		step("set", 1, "absent", "missing")
		step("nothing", 1, `test/bytes true ""`, "missing")
		declared = []string{"a", "b"} // a new version of the function
		step("nothing", 2, `test/bytes true ""`, "absent")
		n.restart()
		step("delete", 1, `test/bytes true ""`, "absent")
		n.restart()
		step("nothing", 1, "absent", "absent")
		if q := n.quarantine(); len(q) > 0 {
			n.t.Errorf("quarantined: %+v", q)
		}
	})
}

// One request is under way for an address, and what comes meanwhile is one batch, in
// order; other addresses do not wait. COMPAT 18, 19, 25.
func TestRemoteMessagesOfAnAddressGoInBatches(t *testing.T) {
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		time.Sleep(time.Minute) //nolint:forbidigo // fake time
		return nothing()
	})
	within(t, s.remote(Remote{MaxNumBatchRequests: 4}), func(n *node) {
		n.send("first", text("m")) // the function is known then
		pass(time.Hour)
		before := s.count()
		for m := range strings.SplitSeq("0123456", "") {
			n.send("x", text(m))
			pass(time.Second)
		}
		n.send("y", text("other"))
		pass(10 * time.Minute)
		var all []string
		for _, r := range s.from(before) {
			all = append(all, r.Target.ID+strings.Join(said(&r), ""))
		}
		if got := strings.Join(all, " "); got != "x0 yother x1234 x56" || s.counts().most != 2 {
			n.t.Errorf("requests %s, %d at a time", got, s.counts().most)
		}
	})
}

// COMPAT 21.
func TestRemoteRequestsInFlightAreLimited(t *testing.T) {
	s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		return nothing()
	})
	within(t, s.remote(Remote{MaxInFlight: 3}), func(n *node) {
		for i := range 10 {
			n.send(fmt.Sprint(i), text("m"))
		}
		if err := n.Idle(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
		if c := s.counts(); c.most != 3 || c.requests != 10 {
			n.t.Errorf("%d requests, %d at a time", c.requests, c.most)
		}
	})
}

// An invocation refreshes a state that expires after the last one; a write one that
// expires after writing. COMPAT 14, 15, 16.
func TestRemoteStatesExpire(t *testing.T) {
	for mode, want := range map[protocol.ExpireMode]string{
		protocol.ExpireAfterWrite:  `absent`,
		protocol.ExpireAfterInvoke: `test/bytes true "v"`,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
				if stateOf(r, "a") == "missing" {
					return missing("a", protocol.ExpirationSpec{Present: true, Mode: mode, ExpireAfterMillis: 10_000})
				}
				if said(r)[0] == "set" {
					return result(protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{mutation(protocol.Modify, "a", "v")}})
				}
				return nothing()
			})
			within(t, s.remote(Remote{}), func(n *node) {
				n.send("x", text("set"))
				pass(6 * time.Second)
				n.send("x", text("look"))
				pass(6 * time.Second)
				n.send("x", text("look"))
				pass(time.Second)
				if last := s.last(); stateOf(&last, "a") != want {
					n.t.Errorf("after 12 s of use: %s, want %s", stateOf(&last, "a"), want)
				}
				n.restart()
				pass(11 * time.Second)
				n.send("x", text("look"))
				pass(time.Second)
				if last := s.last(); stateOf(&last, "a") != "absent" {
					n.t.Errorf("after 11 s without use: %s", stateOf(&last, "a"))
				}
			})
		})
	}
}

// A function of its own goes before its namespace, and a function that runs here
// before both; new names in a namespace need nothing. COMPAT 51, 52.
func TestRemoteNamespaces(t *testing.T) {
	special, all := serve(t, echo), serve(t, echo)
	here := &functions.Function{Type: "ns/here", Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, _ string) error {
		ctx.Reply(text("here"))
		return nil
	})}}
	o := Options{
		Functions: []*functions.Function{here},
		Remotes:   []Remote{{Functions: "ns/*", Caller: all}, {Functions: "ns/special", Caller: special}},
	}
	within(t, o, func(n *node) {
		for _, f := range []functions.TypeName{"ns/special", "ns/one", "ns/two", "ns/here"} {
			if _, err := n.Call(n.t.Context(), f.At("x"), text("m")); err != nil {
				n.t.Error(err)
			}
		}
		if special.count() != 1 || all.count() != 2 {
			n.t.Errorf("%d special requests, %d others", special.count(), all.count())
		}
		for _, f := range []functions.TypeName{"other/one", "ns", "ns/a/b"} {
			if err := n.Send(n.t.Context(), f.At("x"), text("m")); !errors.Is(err, ErrUnknownFunction) && n.has(f) {
				n.t.Errorf("sent to %s: %v", f, err)
			}
		}
	})
}

// Law 2: a request goes out when its messages, and the last transaction of its
// address, are durable.
func TestLaw2RequestsWaitUntilTheirMessagesAreDurable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		close(g.open)
		env := environment.Real()
		env.FS = errorfs.Wrap(vfs.NewMem(), g)
		s := serve(t, func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error) { return nothing() })
		forward := &functions.Function{Type: "law/forward", Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, m string) error {
			ctx.Send(at("x"), text(m))
			return nil
		})}}
		o := s.remote(Remote{})
		o.Functions = []*functions.Function{forward}
		e := open(t, env, o)
		synctest.Wait()
		for i := range 3 {
			g.shut()
			go func() {
				if err := e.Send(t.Context(), functions.TypeName("law/forward").At("y"), text("m")); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			if s.count() != i {
				t.Errorf("%d requests before the batch was durable, want %d", s.count(), i)
			}
			close(g.open)
			synctest.Wait()
			if s.count() != i+1 {
				t.Errorf("%d requests once the batch was durable, want %d", s.count(), i+1)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A request that is under way when the node crashes is sent again, with all that its
// messages need; it has had no effect. COMPAT 83.
func TestRemoteRequestsAreSentAgainAfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := environment.Memory()
		release := make(chan struct{})
		s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
			if stateOf(r, "a") == "missing" {
				return missing("a", protocol.ExpirationSpec{})
			}
			<-release
			return result(protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{mutation(protocol.Modify, "a", "once")}})
		})
		e := open(t, env, s.remote(Remote{}))
		for _, m := range []string{"1", "2", "3"} {
			if err := e.Send(t.Context(), at("x"), text(m)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		before := s.last()
		close(release)
		if err := e.Abort(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		asked := s.count()
		e = open(t, env, s.remote(Remote{}))
		pass(time.Second)
		if s.count() == asked {
			t.Fatal("nothing was sent again")
		}
		again := s.from(asked)[0]
		if a := stateOf(&again, "a"); a != "absent" || said(&again)[0] != said(&before)[0] {
			t.Errorf("sent again: %v with state %s, before: %v", said(&again), a, said(&before))
		}
		if v, err := e.State(at("x")); err != nil || len(v) != 1 || string(v[0].Value) != "once" {
			t.Errorf("state %+v, %v", v, err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}
