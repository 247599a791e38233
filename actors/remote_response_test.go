package actors

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/persistence"
)

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
