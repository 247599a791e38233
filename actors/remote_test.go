package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// script is a function server. It notes what it is asked, and that no address is
// asked twice at a time.
type script struct {
	t      *testing.T
	answer func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error)
	// probe answers requests without invocations, which are only counted. nil: it is alive.
	probe func(*protocol.InvocationBatchRequest) error

	mu      sync.Mutex
	asked   []protocol.InvocationBatchRequest
	under   map[functions.Address]bool
	running int
	most    int // of running
	probes  int
}

func serve(t *testing.T, answer func(*protocol.InvocationBatchRequest) (protocol.FromFunction, error)) *script {
	t.Helper()
	return &script{t: t, answer: answer, under: map[functions.Address]bool{}}
}

// Call implements Caller.
func (s *script) Call(ctx context.Context, f functions.TypeName, request []byte) ([]byte, error) {
	var d protocol.Decoder
	var in protocol.ToFunction
	if err := d.ToFunction(request, &in); err != nil {
		s.t.Error(err)
	}
	r := in.Invocation
	if len(r.Invocations) == 0 {
		return nil, s.probed(&r)
	}
	s.mu.Lock()
	if s.under[r.Target] || f != r.Target.Type {
		s.t.Errorf("request for %s to %s while there is one: %t", r.Target, f, s.under[r.Target])
	}
	s.asked, s.under[r.Target] = append(s.asked, r), true
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	out, err := s.answer(&r)
	s.mu.Lock()
	delete(s.under, r.Target)
	s.running--
	s.mu.Unlock()
	if ctx.Err() != nil || err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return out.Append(nil), nil
}

func (s *script) probed(r *protocol.InvocationBatchRequest) error {
	s.mu.Lock()
	s.probes++
	s.mu.Unlock()
	if s.probe == nil {
		return nil
	}
	return s.probe(r)
}

// remote are options with one endpoint.
func (s *script) remote(r Remote) Options {
	r.Functions, r.Caller = string(testType), s
	return Options{Remotes: []Remote{r}}
}

// count is the number of requests so far.
func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// tries is the number of requests and probes so far.
func (s *script) tries() (requests, probes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked), s.probes
}

// load is how many requests are under way, and the most there ever were.
func (s *script) load() (running, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.most
}

// note lets answers that are given at the same time share variables.
func (s *script) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// last is the latest request.
func (s *script) last() protocol.InvocationBatchRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

func result(r protocol.InvocationResponse) (protocol.FromFunction, error) {
	r.Present = true
	return protocol.FromFunction{InvocationResult: r}, nil
}

func nothing() (protocol.FromFunction, error) { return protocol.FromFunction{}, nil }

// missing asks for a state of bytes.
func missing(name string, e protocol.ExpirationSpec) (protocol.FromFunction, error) {
	return protocol.FromFunction{IncompleteInvocationContext: protocol.IncompleteInvocationContext{
		Present:       true,
		MissingValues: []protocol.PersistedValueSpec{{StateName: name, TypeTypename: "test/bytes", ExpirationSpec: e}},
	}}, nil
}

func mutation(t protocol.MutationType, name string, value string) protocol.PersistedValueMutation {
	return protocol.PersistedValueMutation{
		MutationType: t, StateName: name, StateValue: protocol.TypedValue{Present: true, Typename: "test/bytes", Value: []byte(value)},
	}
}

// stateOf is a state as the server got it: "missing", "absent" or its value.
func stateOf(r *protocol.InvocationBatchRequest, name string) string {
	for _, s := range r.State {
		switch {
		case s.StateName != name:
		case !s.StateValue.Present:
			return "absent"
		default:
			return fmt.Sprintf("%s %t %q", s.StateValue.Typename, s.StateValue.HasValue, s.StateValue.Value)
		}
	}
	return "missing"
}

// said are the texts of the invocations.
func said(r *protocol.InvocationBatchRequest) (out []string) {
	for _, i := range r.Invocations {
		s, _ := functions.String.Decode(i.Argument.Value)
		out = append(out, s)
	}
	return out
}

// echo answers callers with what they said.
func echo(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
	var out protocol.InvocationResponse
	for _, i := range r.Invocations {
		if !i.Caller.IsZero() {
			out.OutgoingMessages = append(out.OutgoingMessages, protocol.OutgoingMessage{Target: i.Caller, Argument: i.Argument})
		}
	}
	return result(out)
}

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
		s.asked = nil
		for m := range strings.SplitSeq("0123456", "") {
			n.send("x", text(m))
			pass(time.Second)
		}
		n.send("y", text("other"))
		pass(10 * time.Minute)
		var all []string
		for _, r := range s.asked {
			all = append(all, r.Target.ID+strings.Join(said(&r), ""))
		}
		if got := strings.Join(all, " "); got != "x0 yother x1234 x56" || s.most != 2 {
			n.t.Errorf("requests %s, %d at a time", got, s.most)
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
		if s.most != 3 || s.count() != 10 {
			n.t.Errorf("%d requests, %d at a time", s.count(), s.most)
		}
	})
}

// What a server sends goes out, from its address: to functions, to the client that
// waits, later, to egresses. Messages from outside have no caller. COMPAT 22, 28, 29, 37.
func TestRemoteEffects(t *testing.T) {
	other := functions.TypeName("test/other")
	var got []string
	var records []string
	began := time.Time{}
	fn := &functions.Function{Type: other, Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, s string) error {
		from, _ := ctx.Caller()
		got = append(got, fmt.Sprintf("%s from %s at %d", s, from, ctxSeconds(began)))
		return nil
	})}}
	arg := func(s string) protocol.TypedValue { return protocol.ValueOf(text(s).Type, text(s).Value) }
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if caller := r.Invocations[0].Caller; said(r)[0] == "call" {
			return result(protocol.InvocationResponse{OutgoingMessages: []protocol.OutgoingMessage{{Target: caller, Argument: arg("reply")}}})
		} else if !caller.IsZero() {
			t.Errorf("caller %s of a message from outside", caller)
		}
		return result(protocol.InvocationResponse{
			OutgoingMessages: []protocol.OutgoingMessage{{Target: other.At("o"), Argument: arg("now")}},
			DelayedInvocations: []protocol.DelayedInvocation{
				{DelayMillis: 5000, Target: other.At("o"), Argument: arg("later")},
				{DelayMillis: 0, Target: other.At("o"), Argument: arg("at once")},
			},
			OutgoingEgresses: []protocol.EgressMessage{{Egress: "a/b", Argument: arg("record")}},
		})
	})
	o := s.remote(Remote{})
	o.Functions = []*functions.Function{fn}
	o.Egresses = map[functions.TypeName]Sink{"a/b": HandlerSink(func(_ context.Context, r persistence.EgressRecord) error {
		records = append(records, string(r.Type)+" of "+r.Key)
		return nil
	})}
	within(t, o, func(n *node) {
		began = time.Now()
		n.send("x", text("send"))
		pass(time.Minute)
		want := "now from test/f/x at 0, at once from test/f/x at 0, later from test/f/x at 5"
		if all := strings.Join(got, ", "); all != want || len(records) != 1 || records[0] != "io.statefun.types/string of x" {
			n.t.Errorf("got %s\nwant %s\nrecords %v", all, want, records)
		}
		if a := textOf(n.t, n.call("x", text("call"))); a != "reply" {
			n.t.Errorf("answer %q", a)
		}
	})
}

func ctxSeconds(began time.Time) int {
	return int(time.Since(began).Seconds())
}

// Tokens take delayed messages back, in the order of the list. COMPAT 32, 33, 34.
func TestRemoteCancellation(t *testing.T) {
	arg := protocol.ValueOf("test/bytes", []byte("late"))
	late := 0
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		later := protocol.DelayedInvocation{DelayMillis: 60_000, Target: r.Target, Argument: arg, CancellationToken: "t"}
		cancel := protocol.DelayedInvocation{IsCancellation: true, CancellationToken: "t"}
		if string(r.Invocations[0].Argument.Value) == "late" {
			late++
			return nothing()
		}
		list := map[string][]protocol.DelayedInvocation{"later": {later}, "cancel": {cancel}, "both": {later, cancel}, "again": {cancel, later}}
		return result(protocol.InvocationResponse{DelayedInvocations: list[said(r)[0]]})
	})
	within(t, s.remote(Remote{}), func(n *node) {
		for i, step := range []struct {
			say  string
			late int
		}{{"cancel", 0}, {"later", 1}, {"later", 1}, {"both", 0}} {
			late = 0
			n.send("x", text(step.say))
			pass(time.Second)
			if i == 2 { // also after a restart
				n.restart()
				n.send("x", text("cancel"))
				step.late = 0
			}
			pass(time.Hour)
			if late != step.late {
				n.t.Errorf("step %d, %s: %d messages came", i, step.say, late)
			}
		}
		n.send("x", text("later"))
		n.send("x", text("again"))
		late = 0
		pass(time.Hour)
		if late != 1 || len(n.quarantine()) > 0 {
			n.t.Errorf("cancelled and sent again: %d messages came, quarantine %+v", late, n.quarantine())
		}
	})
}

// A response that cannot be applied has no effect at all: its message is set aside
// with the reason, and the address goes on. COMPAT 12, 13, 24, 27, 35, 37.
func TestRemoteResponsesAreChecked(t *testing.T) {
	arg := protocol.ValueOf("test/bytes", []byte("v"))
	message := func(to functions.TypeName, v protocol.TypedValue) protocol.InvocationResponse {
		return protocol.InvocationResponse{OutgoingMessages: []protocol.OutgoingMessage{{Target: to.At("o"), Argument: v}}}
	}
	delayed := func(d ...protocol.DelayedInvocation) protocol.InvocationResponse {
		return protocol.InvocationResponse{DelayedInvocations: d}
	}
	state := func(m protocol.PersistedValueMutation) protocol.InvocationResponse {
		return protocol.InvocationResponse{StateMutations: []protocol.PersistedValueMutation{m}}
	}
	wrongType := mutation(protocol.Modify, "a", "v")
	wrongType.StateValue.Typename = "test/other"
	later := protocol.DelayedInvocation{DelayMillis: 1000, Target: at("x"), Argument: arg, CancellationToken: "t"}
	cases := map[string]struct {
		response protocol.InvocationResponse
		text     string
	}{
		"undeclared":    {state(mutation(protocol.Modify, "nobody", "v")), "Accessing a non-existing function state: nobody. This can happen if you forgot to declare this state using the language SDKs."},
		"type":          {state(wrongType), "an error occurred for state [a] of test/f. Previous type was: test/bytes, new type is: test/other"},
		"enum":          {state(mutation(7, "a", "v")), "Received an UNRECOGNIZED PersistedValueMutation type."},
		"egress":        {protocol.InvocationResponse{OutgoingEgresses: []protocol.EgressMessage{{Egress: "no/egress", Argument: arg}}}, "unknown egress no/egress"},
		"function":      {message("no/function", arg), "cannot find a provider for type FunctionType(no, function)"},
		"target":        {message("", arg), "outgoing message"},
		"reserved":      {message(testType, protocol.ValueOf(nudgeType, nil)), "is the runtime's own"},
		"negative":      {delayed(protocol.DelayedInvocation{DelayMillis: -1, Target: at("x"), Argument: arg}), "negative delay of -1 ms"},
		"overflow":      {delayed(protocol.DelayedInvocation{DelayMillis: 1 << 62, Target: at("x"), Argument: arg}), "overflows the clock"},
		"without token": {delayed(protocol.DelayedInvocation{IsCancellation: true}), "Can not handle a cancellation request without a cancellation token."},
		"token twice":   {delayed(later, later), "a message with the same cancellation token exists"},
	}
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if stateOf(r, "a") == "missing" {
			return missing("a", protocol.ExpirationSpec{})
		}
		c, ok := cases[said(r)[0]]
		if !ok {
			return echo(r)
		}
		// What is right in the response must not happen either.
		c.response.OutgoingMessages = append([]protocol.OutgoingMessage{{Target: at("never"), Argument: arg}}, c.response.OutgoingMessages...)
		c.response.StateMutations = append([]protocol.PersistedValueMutation{mutation(protocol.Modify, "a", "never")}, c.response.StateMutations...)
		return result(c.response)
	})
	within(t, s.remote(Remote{}), func(n *node) {
		for name := range cases {
			n.send(name, text(name))
			if a := textOf(n.t, n.call(name, text("after"))); a != "after" {
				n.t.Errorf("%s: the address answers %q", name, a)
			}
			if got := s.last(); stateOf(&got, "a") != "absent" {
				n.t.Errorf("%s: its state has changed", name)
			}
		}
		found := n.quarantine()
		for _, q := range found {
			if c := cases[q.Address.ID]; !strings.Contains(q.Error, c.text) || q.Attempts != 1 {
				n.t.Errorf("%s: %d attempts, %q; want %q", q.Address, q.Attempts, q.Error, c.text)
			}
		}
		if len(found) != len(cases) {
			n.t.Errorf("%d messages in quarantine, want %d", len(found), len(cases))
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
		again := s.asked[asked]
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
