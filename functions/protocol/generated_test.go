package protocol

import (
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol/internal/generated/reqreply"
)

// What protobuf's generated code has read, in our types. Slices are nil where there
// is nothing.

func typeName(namespace, name string) functions.TypeName {
	return functions.TypeName(namespace + "/" + name)
}

func addressOf(a *reqreply.Address) functions.Address {
	if a == nil {
		return functions.Address{}
	}
	return functions.Address{Type: typeName(a.GetNamespace(), a.GetType()), ID: a.GetId()}
}

func valueOf(v *reqreply.TypedValue) TypedValue {
	if v == nil {
		return TypedValue{}
	}
	return TypedValue{true, functions.TypeName(v.GetTypename()), v.GetHasValue(), v.GetValue()}
}

func toFunctionOf(m *reqreply.ToFunction) (out ToFunction) {
	batch := m.GetInvocation()
	if batch == nil {
		return out
	}
	r := &out.Invocation
	r.Present, r.Target = true, addressOf(batch.GetTarget())
	for _, s := range batch.GetState() {
		r.State = append(r.State, PersistedValue{s.GetStateName(), valueOf(s.GetStateValue())})
	}
	for _, i := range batch.GetInvocations() {
		r.Invocations = append(r.Invocations, Invocation{addressOf(i.GetCaller()), valueOf(i.GetArgument())})
	}
	return out
}

func fromFunctionOf(m *reqreply.FromFunction) (out FromFunction) {
	if result := m.GetInvocationResult(); result != nil {
		out.InvocationResult = resultOf(result)
	}
	if incomplete := m.GetIncompleteInvocationContext(); incomplete != nil {
		out.IncompleteInvocationContext.Present = true
		for _, s := range incomplete.GetMissingValues() {
			spec := PersistedValueSpec{StateName: s.GetStateName(), TypeTypename: functions.TypeName(s.GetTypeTypename())}
			if e := s.GetExpirationSpec(); e != nil {
				spec.ExpirationSpec = ExpirationSpec{true, ExpireMode(e.GetMode()), e.GetExpireAfterMillis()}
			}
			missing := &out.IncompleteInvocationContext.MissingValues
			*missing = append(*missing, spec)
		}
	}
	return out
}

func resultOf(result *reqreply.FromFunction_InvocationResponse) (r InvocationResponse) {
	r.Present = true
	for _, m := range result.GetStateMutations() {
		r.StateMutations = append(r.StateMutations,
			PersistedValueMutation{MutationType(m.GetMutationType()), m.GetStateName(), valueOf(m.GetStateValue())})
	}
	for _, m := range result.GetOutgoingMessages() {
		r.OutgoingMessages = append(r.OutgoingMessages, OutgoingMessage{addressOf(m.GetTarget()), valueOf(m.GetArgument())})
	}
	for _, d := range result.GetDelayedInvocations() {
		r.DelayedInvocations = append(r.DelayedInvocations, DelayedInvocation{
			d.GetDelayInMs(), addressOf(d.GetTarget()), valueOf(d.GetArgument()), d.GetIsCancellationRequest(), d.GetCancellationToken(),
		})
	}
	for _, e := range result.GetOutgoingEgresses() {
		out := EgressMessage{Argument: valueOf(e.GetArgument())}
		if e.GetEgressNamespace()+e.GetEgressType() != "" {
			out.Egress = typeName(e.GetEgressNamespace(), e.GetEgressType())
		}
		r.OutgoingEgresses = append(r.OutgoingEgresses, out)
	}
	return r
}
