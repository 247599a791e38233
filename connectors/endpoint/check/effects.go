package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// specFaults is what is wrong with a declaration of a state. known is an earlier one.
func specFaults(s, known *protocol.PersistedValueSpec) (out []fault) {
	name := clipped(s.StateName)
	if s.StateName == "" {
		out = append(out, fault{"a state without a name is declared", "set state_name"})
	}
	if s.TypeTypename == "" {
		out = append(out, fault{fmt.Sprintf("the state %s has no type", name), "set type_typename: the runtime would take io.statefun.types/unset, and refuse values of any other"})
	} else if f := typeFault(fmt.Sprintf("the type of the state %s", name), s.TypeTypename); f != nil {
		out = append(out, *f)
	}
	if known != nil && known.TypeTypename != s.TypeTypename {
		out = append(out, fault{fmt.Sprintf("the state %s is declared as %s and as %s", name, clipped(string(known.TypeTypename)), clipped(string(s.TypeTypename))), "a state has one type for good"})
	}
	switch e := s.ExpirationSpec; {
	case e.Mode != protocol.ExpireNone && e.Mode != protocol.ExpireAfterWrite && e.Mode != protocol.ExpireAfterInvoke:
		out = append(out, fault{fmt.Sprintf("the state %s expires in a way that is not known, %v", name, e.Mode), "expected NONE (0), AFTER_WRITE (1) or AFTER_INVOKE (2)"})
	case e.Mode != protocol.ExpireNone && e.ExpireAfterMillis <= 0:
		out = append(out, fault{fmt.Sprintf("the state %s expires after %d ms", name, e.ExpireAfterMillis), "expire_after_millis must be larger than 0"})
	}
	return out
}

func typeFault(what string, t functions.TypeName) *fault {
	if _, err := functions.ParseTypeName(string(t)); err != nil {
		return &fault{fmt.Sprintf("%s is %q", what, clipped(string(t))), "a typename is <namespace>/<name>, with exactly one slash"}
	}
	return nil
}

// effectFaults is what no runtime could carry out.
func (v *conversation) effectFaults(r *protocol.InvocationResponse) (out []fault) {
	for i := range r.StateMutations {
		out = append(out, v.mutationFaults(&r.StateMutations[i])...)
	}
	for i := range r.OutgoingMessages {
		m := &r.OutgoingMessages[i]
		out = append(out, messageFaults(fmt.Sprintf("outgoing_messages[%d]", i), m.Target, &m.Argument)...)
	}
	pending := map[string]bool{}
	for i := range r.DelayedInvocations {
		out = append(out, delayedFaults(fmt.Sprintf("delayed_invocations[%d]", i), &r.DelayedInvocations[i], pending)...)
	}
	for i := range r.OutgoingEgresses {
		out = append(out, v.egressFaults(fmt.Sprintf("outgoing_egresses[%d]", i), &r.OutgoingEgresses[i])...)
	}
	return out
}

func (v *conversation) mutationFaults(m *protocol.PersistedValueMutation) []fault {
	name := clipped(m.StateName)
	spec := v.spec(m.StateName)
	switch {
	case spec == nil:
		return []fault{{fmt.Sprintf("the state %q is changed, which was never declared", name), "name it in an incomplete_invocation_context first"}}
	case m.MutationType != protocol.Delete && m.MutationType != protocol.Modify:
		return []fault{{fmt.Sprintf("the state %s gets a mutation that is not known, %v", name, m.MutationType), "expected DELETE (0) or MODIFY (1)"}}
	case m.MutationType == protocol.Modify && !m.StateValue.Present:
		return []fault{{fmt.Sprintf("the state %s is modified without a state_value", name), "set state_value, or mutation_type to DELETE"}}
	case m.MutationType == protocol.Modify && m.StateValue.Typename != spec.TypeTypename:
		return []fault{{
			fmt.Sprintf("the state %s was declared as %s and is set to a value of %q", name, clipped(string(spec.TypeTypename)), clipped(string(m.StateValue.Typename))),
			"put the declared type into state_value.typename: the runtime refuses all effects of the answer",
		}}
	}
	return nil
}

func messageFaults(at string, to functions.Address, argument *protocol.TypedValue) (out []fault) {
	if err := to.Validate(); err != nil {
		out = append(out, fault{fmt.Sprintf("%s has no valid target, %q: %v", at, clipped(to.String()), err), "set namespace, type and id of the target"})
	} else if to.ID == "" {
		out = append(out, fault{fmt.Sprintf("%s goes to %s with an empty id", at, to.Type), "set the id of the target; SDKs refuse an empty one"})
	}
	return append(out, argumentFaults(at, argument)...)
}

func argumentFaults(at string, v *protocol.TypedValue) []fault {
	switch {
	case !v.Present:
		return []fault{{at + " has no argument", "set argument, with typename, has_value and value"}}
	case !v.HasValue:
		return []fault{{at + ".argument has has_value = false", "set has_value: a value of zero bytes is not the same as none"}}
	}
	if f := typeFault("the typename of "+at+".argument", v.Typename); f != nil {
		return []fault{*f}
	}
	return nil
}

// delayedFaults knows the tokens that are pending from earlier in the list.
func delayedFaults(at string, d *protocol.DelayedInvocation, pending map[string]bool) (out []fault) {
	token := d.CancellationToken
	if d.IsCancellation {
		if token == "" {
			return []fault{{at + " is a cancellation without a cancellation_token", "set the token under which the message was sent"}}
		}
		delete(pending, token)
		return nil
	}
	if d.DelayMillis < 0 {
		out = append(out, fault{fmt.Sprintf("%s has a delay of %d ms", at, d.DelayMillis), "delay_in_ms is 0 or more"})
	}
	if token != "" && pending[token] {
		out = append(out, fault{fmt.Sprintf("%s has the cancellation_token %q, as an earlier one that is still pending", at, clipped(token)), "a token stands for one pending message"})
	}
	if token != "" {
		pending[token] = true
	}
	return append(out, messageFaults(at, d.Target, &d.Argument)...)
}

func (v *conversation) egressFaults(at string, e *protocol.EgressMessage) []fault {
	if f := typeFault("the egress of "+at, e.Egress); f != nil {
		f.advice = "set egress_namespace and egress_type"
		return []fault{*f}
	}
	known := v.options.Egresses
	if known != nil && !slices.Contains(known, functions.Egress(e.Egress)) {
		var names []string
		for _, k := range known {
			names = append(names, string(k))
		}
		return []fault{{fmt.Sprintf("%s is for the egress %s, which the module does not have", at, clipped(string(e.Egress))),
			"the module has these: " + clipped(strings.Join(names, ", "))}}
	}
	return argumentFaults(at, &e.Argument)
}

// described counts what an answer does.
func described(m *protocol.FromFunction) string {
	r := &m.InvocationResult
	var parts []string
	for _, x := range []struct {
		n         int
		one, many string
	}{
		{len(r.StateMutations), "change of state", "changes of state"}, {len(r.OutgoingMessages), "message", "messages"},
		{len(r.DelayedInvocations), "delayed message or cancellation", "delayed messages or cancellations"},
		{len(r.OutgoingEgresses), "egress record", "egress records"},
	} {
		switch x.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+x.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.many))
		}
	}
	if len(parts) == 0 {
		return "the message has no effects"
	}
	return "the message has " + strings.Join(parts, ", ") + ", all of which can be carried out"
}
