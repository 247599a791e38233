package actors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// What StateFun does, and its applications rely on, beyond what remote_test.go has.

// expiring asks for states that expire some seconds after they were written.
func expiring(seconds int64, names ...string) (protocol.FromFunction, error) {
	var out protocol.IncompleteInvocationContext
	for _, name := range names {
		out.MissingValues = append(out.MissingValues, protocol.PersistedValueSpec{
			StateName: name, TypeTypename: "test/bytes",
			ExpirationSpec: protocol.ExpirationSpec{Present: true, Mode: protocol.ExpireAfterWrite, ExpireAfterMillis: 1000 * seconds},
		})
	}
	out.Present = true
	return protocol.FromFunction{IncompleteInvocationContext: out}, nil
}

// Two versions of a function behind one endpoint, which answer in turn: each finds the
// states that it declares, and leaves the other's alone. COMPAT 9.
func TestRemoteVersionsSideBySide(t *testing.T) {
	versions := [][]string{{"a"}, {"a", "b"}, {"c", "a"}}
	next, incomplete := 0, 0
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		names := versions[next%len(versions)]
		var out protocol.InvocationResponse
		for _, name := range names {
			found := stateOf(r, name)
			if found == "missing" {
				incomplete++
				return missing(name, protocol.ExpirationSpec{})
			}
			n := 0
			if _, err := fmt.Sscanf(found, `test/bytes true "%d"`, &n); err != nil && found != "absent" {
				return protocol.FromFunction{}, err
			}
			out.StateMutations = append(out.StateMutations, mutation(protocol.Modify, name, strconv.Itoa(n+1)))
		}
		next++
		return result(out)
	})
	within(t, s.remote(Remote{}), func(n *node) {
		for range 12 {
			n.send("x", text("m"))
			pass(time.Second)
		}
		want := "a=12 b=4 c=4"
		states, err := n.State(at("x"))
		var got []string
		for _, v := range states {
			got = append(got, v.Name+"="+string(v.Value))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want || err != nil || incomplete != 3 {
			n.t.Errorf("states %v, %v, %d incomplete contexts; want %s", got, err, incomplete, want)
		}
	})
}

// The expiration that a state was declared with first stays, whatever a later version says,
// also over a restart. COMPAT 17.
func TestRemoteExpirationIsFixed(t *testing.T) {
	version := 1
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		switch {
		case version == 1 && stateOf(r, "a") == "missing":
			return expiring(10, "a")
		case version == 2 && stateOf(r, "b") == "missing":
			return expiring(1000, "a", "b")
		case said(r)[0] == "set":
			return result(protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{mutation(protocol.Modify, "a", "v")}})
		}
		return nothing()
	})
	within(t, s.remote(Remote{}), func(n *node) {
		for _, restart := range []bool{false, true} {
			n.send("x", text("set"))
			pass(time.Second)
			version = 2
			if restart {
				n.restart()
			}
			n.send("x", text("look"))
			pass(time.Second)
			if last := s.last(); stateOf(&last, "a") == "absent" {
				n.t.Error("the state has expired early")
			}
			pass(10 * time.Second)
			n.send("x", text("look"))
			pass(time.Second)
			if last := s.last(); stateOf(&last, "a") != "absent" {
				n.t.Errorf("after 12 s the state is %s", stateOf(&last, "a"))
			}
		}
	})
}

// A request has at most as many invocations as the endpoint says; the rest waits, and
// other addresses do not. COMPAT 20.
func TestRemoteBatchesAreBounded(t *testing.T) {
	most := 0
	var s *script
	s = serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		s.note(func() { most = max(most, len(r.Invocations)) })
		if r.Target.ID == "slow" {
			time.Sleep(time.Minute) //nolint:forbidigo // fake time
		}
		return nothing()
	})
	within(t, s.remote(Remote{MaxNumBatchRequests: 10}), func(n *node) {
		n.send("first", text("m"))
		pass(time.Second)
		for range 95 {
			n.send("slow", text("m"))
		}
		n.send("quick", text("m"))
		pass(time.Second)
		if in := n.Metrics().Functions[testType].In; in != 2 {
			n.t.Errorf("%d messages handled after a second, want 2", in)
		}
		pass(20 * time.Minute)
		if in := n.Metrics().Functions[testType].In; in != 97 || most != 10 {
			n.t.Errorf("%d messages handled, up to %d in a request", in, most)
		}
	})
}

// Messages go round and round a ring of addresses. COMPAT 23.
func TestRemoteRing(t *testing.T) {
	const ring, rounds = 1000, 10
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if stateOf(r, "a") == "missing" {
			return missing("a", protocol.ExpirationSpec{})
		}
		at, _ := strconv.Atoi(r.Target.ID)
		n := 0
		_, _ = fmt.Sscanf(stateOf(r, "a"), `test/bytes true "%d"`, &n)
		out := protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{mutation(protocol.Modify, "a", strconv.Itoa(n+len(r.Invocations)))}}
		for _, m := range said(r) {
			left, _ := strconv.Atoi(m)
			if left > 0 {
				m := text(strconv.Itoa(left - 1))
				out.OutgoingMessages = append(out.OutgoingMessages, protocol.OutgoingMessage{
					Target: testType.At(strconv.Itoa((at + 1) % ring)), Argument: protocol.ValueOf(m.Type, m.Value),
				})
			}
		}
		return result(out)
	})
	within(t, s.remote(Remote{}), func(n *node) {
		for i := range 10 {
			n.send(strconv.Itoa(100*i), text(strconv.Itoa(rounds/10*ring-1)))
		}
		if err := n.Idle(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
		for i := range ring {
			v, err := n.State(at(strconv.Itoa(i)))
			if err != nil || len(v) != 1 || string(v[0].Value) != strconv.Itoa(rounds) {
				n.t.Fatalf("address %d has counted %+v, %v; want %d", i, v, err, rounds)
			}
		}
	})
}

// A delayed message that becomes due while the node is down is there after it, once. COMPAT 30.
func TestRemoteDelayedMessagesOutliveTheNode(t *testing.T) {
	var late []time.Duration
	began := time.Time{}
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if said(r)[0] == "late" {
			late = append(late, time.Since(began))
			return nothing()
		}
		m := text("late")
		return result(protocol.InvocationResponse{DelayedInvocations: []protocol.DelayedInvocation{
			{DelayMillis: 60_000, Target: r.Target, Argument: protocol.ValueOf(m.Type, m.Value)},
			{DelayMillis: 600_000, Target: r.Target, Argument: protocol.ValueOf(m.Type, m.Value)},
		}})
	})
	within(t, s.remote(Remote{}), func(n *node) {
		began = time.Now()
		n.send("x", text("send"))
		pass(time.Second)
		if err := n.Close(); err != nil {
			n.t.Fatal(err)
		}
		pass(5 * time.Minute)
		n.Engine = open(n.t, n.env, n.o)
		pass(time.Minute)
		n.restart()
		pass(time.Hour)
		if len(late) != 2 || late[0] < 5*time.Minute || late[0] > 6*time.Minute || late[1] < 10*time.Minute || late[1] > 11*time.Minute {
			n.t.Errorf("messages came after %v", late)
		}
	})
}

// A token is its sender's id's: another function of the same id can use it, another id of
// the same function cannot. COMPAT 36.
func TestRemoteTokensBelongToIDs(t *testing.T) {
	late := 0
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		m := text("late")
		switch said(r)[0] {
		case "late":
			late++
		case "send":
			return result(protocol.InvocationResponse{DelayedInvocations: []protocol.DelayedInvocation{
				{DelayMillis: 60_000, Target: r.Target, Argument: protocol.ValueOf(m.Type, m.Value), CancellationToken: "t"},
			}})
		case "cancel":
			return result(protocol.InvocationResponse{DelayedInvocations: []protocol.DelayedInvocation{{IsCancellation: true, CancellationToken: "t"}}})
		}
		return nothing()
	})
	within(t, Options{Remotes: []Remote{{Functions: "ns/*", Caller: s}}}, func(n *node) {
		for _, c := range []struct {
			by   functions.Address
			want int
		}{{functions.TypeName("ns/b").At("1"), 0}, {functions.TypeName("ns/a").At("2"), 1}} {
			late = 0
			for to, say := range map[functions.Address]string{functions.TypeName("ns/a").At("1"): "send"} {
				if err := n.Send(n.t.Context(), to, text(say)); err != nil {
					n.t.Fatal(err)
				}
			}
			pass(time.Second)
			if err := n.Send(n.t.Context(), c.by, text("cancel")); err != nil {
				n.t.Fatal(err)
			}
			pass(time.Hour)
			if late != c.want || len(n.quarantine()) > 0 {
				n.t.Errorf("cancelled by %s: %d messages came, want %d", c.by, late, c.want)
			}
		}
	})
}

// What SDKs send that is odd, and right: DELETE of a state that is not there, an entry
// that cancels and has no target, missing states and mutations in any order, records
// with white space at their end. COMPAT 1.3: Mutations, Egress JSON.
func TestRemoteOddResponses(t *testing.T) {
	const record = "{\"a\": 1}\n"
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if stateOf(r, "a") == "missing" {
			return expiring(1000, "c", "a", "b")
		}
		return result(protocol.InvocationResponse{
			StateMutations: []protocol.PersistedValueMutation{
				{MutationType: protocol.Delete, StateName: "b"},
				// has_value is not looked at.
				{MutationType: protocol.Modify, StateName: "a", StateValue: protocol.TypedValue{Present: true, Typename: "test/bytes", Value: []byte("v")}},
			},
			DelayedInvocations: []protocol.DelayedInvocation{{IsCancellation: true, CancellationToken: "nobody's"}},
			OutgoingEgresses:   []protocol.EgressMessage{{Egress: "a/b", Argument: protocol.ValueOf("test/json", []byte(record))}},
		})
	})
	o := s.remote(Remote{})
	o.Pulled = map[functions.TypeName]QueueOf{"a/b": func(functions.Message) string { return "q" }}
	within(t, o, func(n *node) {
		n.send("x", text("m"))
		pass(time.Second)
		r, ok, err := n.NextRecord("a/b", "q", 0)
		v, errState := n.State(at("x"))
		if !ok || err != nil || string(r.Value) != record || errState != nil || len(v) != 1 || string(v[0].Value) != "v" || len(n.quarantine()) > 0 {
			n.t.Errorf("record %q %v, states %+v %v, quarantine %+v", r.Value, err, v, errState, n.quarantine())
		}
	})
}

// An id that a server does not take fails for good in the end, and only it: Python's SDK
// refuses the empty one. COMPAT 1.3: Empty id.
func TestRemoteIDThatAServerRefuses(t *testing.T) {
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if r.Target.ID == "" {
			return protocol.FromFunction{}, errSaysNo
		}
		return nothing()
	})
	within(t, s.remote(Remote{MaxAttempts: 3}), func(n *node) {
		n.send("", text("m"))
		n.send("x", text("m"))
		pass(time.Hour)
		if q := n.quarantine(); len(q) != 1 || q[0].Address.ID != "" || q[0].Attempts != 3 || n.Metrics().Functions[testType].In != 1 {
			n.t.Errorf("quarantine %+v", q)
		}
	})
}
