package check_test

import (
	"testing"

	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// effects that no runtime could carry out.
func TestWrongEffects(t *testing.T) {
	t.Parallel()
	to := functions.TypeName("example/log").At("all")
	delayed := func(d ...protocol.DelayedInvocation) func(*protocol.InvocationResponse) {
		return func(r *protocol.InvocationResponse) { r.DelayedInvocations = d }
	}
	for name, c := range map[string]struct {
		spoil func(*protocol.InvocationResponse)
		parts []string
	}{
		// COMPAT 13
		"undeclared state": {func(r *protocol.InvocationResponse) { r.StateMutations[0].StateName = "sene" }, []string{`"sene" is changed, which was never declared`}},
		// COMPAT 12
		"wrong type of a state": {func(r *protocol.InvocationResponse) { r.StateMutations[0].StateValue.Typename = "example/other" },
			[]string{`declared as example/text and is set to a value of "example/other"`}},
		"unknown mutation":  {func(r *protocol.InvocationResponse) { r.StateMutations[0].MutationType = 7 }, []string{"mutation type 7", "MODIFY (1)"}},
		"no state value":    {func(r *protocol.InvocationResponse) { r.StateMutations[0].StateValue = protocol.TypedValue{} }, []string{"without a state_value"}},
		"no target":         {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Target = functions.Address{} }, []string{"outgoing_messages[0] has no valid target"}},
		"no type of target": {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Target.Type = "example/" }, []string{"outgoing_messages[0] has no valid target"}},
		"empty id":          {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Target.ID = "" }, []string{"with an empty id"}},
		"no argument":       {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Argument = protocol.TypedValue{} }, []string{"has no argument"}},
		"no value":          {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Argument.HasValue = false }, []string{"has_value = false"}},
		"type of argument":  {func(r *protocol.InvocationResponse) { r.OutgoingMessages[0].Argument.Typename = "text" }, []string{`is "text"`, "exactly one slash"}},
		"negative delay":    {delayed(protocol.DelayedInvocation{DelayMillis: -1, Target: to, Argument: text("")}), []string{"delayed_invocations[0] has a delay of -1 ms"}},
		"no token":          {delayed(protocol.DelayedInvocation{IsCancellation: true}), []string{"without a cancellation_token"}},
		// COMPAT 35
		"token twice": {delayed(protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"}, protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"}),
			[]string{`delayed_invocations[1] has the cancellation_token "t"`}},
		"no egress": {func(r *protocol.InvocationResponse) {
			r.OutgoingEgresses = []protocol.EgressMessage{{Argument: text("")}}
		}, []string{`the egress of outgoing_egresses[0] is ""`, "egress_namespace"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{spoil: c.spoil})), check.Failed, "effects", c.parts...)
		})
	}
	// What is right: a token again after its cancellation, and a delay of 0.
	ok := delayed(protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"}, protocol.DelayedInvocation{IsCancellation: true, CancellationToken: "t"},
		protocol.DelayedInvocation{Target: to, Argument: text(""), CancellationToken: "t"})
	want(t, run(t, start(t, &server{spoil: ok})), check.OK, "effects", "3 delayed")
}

func TestWrongSpecs(t *testing.T) {
	t.Parallel()
	spec := func(change func(*protocol.PersistedValueSpec)) []protocol.PersistedValueSpec {
		s := seenSpec()
		change(&s[0])
		return s
	}
	for name, c := range map[string]struct {
		specs []protocol.PersistedValueSpec
		parts []string
	}{
		"no name":      {spec(func(s *protocol.PersistedValueSpec) { s.StateName = "" }), []string{"without a name"}},
		"no type":      {spec(func(s *protocol.PersistedValueSpec) { s.TypeTypename = "" }), []string{"the state seen has no type"}},
		"type":         {spec(func(s *protocol.PersistedValueSpec) { s.TypeTypename = "a/b/c" }), []string{`is "a/b/c"`, "exactly one slash"}},
		"mode":         {spec(func(s *protocol.PersistedValueSpec) { s.ExpirationSpec.Mode = 9 }), []string{"expire mode 9"}},
		"no time":      {spec(func(s *protocol.PersistedValueSpec) { s.ExpirationSpec.Mode = protocol.ExpireAfterWrite }), []string{"expires after 0 ms"}},
		"two of types": {append(seenSpec(), protocol.PersistedValueSpec{StateName: "seen", TypeTypename: "a/b"}), []string{"as example/text and as a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, run(t, start(t, &server{specs: c.specs})), check.Failed, "states", c.parts...)
		})
	}
}
