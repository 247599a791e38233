package actors

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/persistence"
)

// answered takes the outcome of a request: all that it did is one transaction that
// consumes its messages, or nothing is.
func (w *worker) answered(q *remoteRequest) {
	g := q.grain
	if g.epoch != q.epoch {
		q.server.pass(q.turn)
		q.introduced(false)
		w.done(q)
		return
	}
	g.ready()
	if q.err != nil {
		w.askFailed(q, q.err, q.server.failed(q))
		q.introduced(false)
	} else {
		q.server.succeeded(q.turn)
		q.introduced(w.take(q))
	}
	w.done(q) // before user code may run, and take the worker away
	w.pump(g)
}

// introduced ends the introduction of the function type, if the request was it.
func (q *remoteRequest) introduced(ok bool) {
	if q.first {
		q.fn.introduction.end(ok)
	}
}

// take takes a response. It reports whether the states of the function are known.
func (w *worker) take(q *remoteRequest) (known bool) {
	g := q.grain
	if incomplete := &q.response.IncompleteInvocationContext; incomplete.Present {
		if err := w.learn(q, incomplete.MissingValues); err != nil {
			w.askFailed(q, err, verdict{blame: true})
			return false
		}
		g.asking.again = len(q.messages)
		w.ask(g)
		return true
	}
	inv := w.inline
	inv.begin(g, q.messages[0], w.now)
	if inv.apply(&q.response.InvocationResult); inv.err != nil {
		w.askFailed(q, inv.err, verdict{blame: true})
		return true
	}
	g.fn.metrics.in.Add(uint64(len(q.messages)))
	w.stage(inv, q.messages...)
	g.asking.passed(len(q.messages))
	return true
}

// passed is told that so many messages are done with.
func (a *asking) passed(n int) {
	a.failures, a.since = 0, 0
	a.suspects = max(0, a.suspects-n)
	// One of those that are left must be the one that fails.
	a.limit = min(a.suspects, max(1, a.suspects/2))
}

// apply makes the invocation's effects of what the server says it did, in
// StateFun's order.
func (inv *invocation) apply(r *protocol.InvocationResponse) {
	for i := range r.OutgoingMessages {
		o := &r.OutgoingMessages[i]
		if m, ok := inv.outgoing(o.Target, &o.Argument); ok {
			inv.Send(o.Target, m)
		}
	}
	for i := range r.DelayedInvocations {
		inv.applyDelayed(&r.DelayedInvocations[i])
	}
	for i := range r.OutgoingEgresses {
		o := &r.OutgoingEgresses[i]
		inv.Egress(o.Egress, functions.Message{Type: o.Argument.Typename, Value: bytes.Clone(o.Argument.Value)})
	}
	for i := range r.StateMutations {
		inv.mutate(&r.StateMutations[i])
	}
}

// outgoing checks a message of a server.
func (inv *invocation) outgoing(to functions.Address, v *protocol.TypedValue) (functions.Message, bool) {
	err := to.Validate()
	if err == nil && v.Typename.Namespace() == reservedNamespace {
		err = fmt.Errorf("the namespace of the type %s is the runtime's own", v.Typename)
	}
	if err != nil {
		inv.Fail(functions.Permanent(fmt.Errorf("outgoing message to %q: %w", to.String(), err)))
	}
	return functions.Message{Type: v.Typename, Value: bytes.Clone(v.Value)}, err == nil // it may wait for long, the whole response need not
}

const maxDelayMillis = math.MaxInt64 / int64(time.Millisecond)

func (inv *invocation) applyDelayed(d *protocol.DelayedInvocation) {
	switch {
	case d.IsCancellation && d.CancellationToken == "":
		inv.Fail(functions.Permanent(errors.New("Can not handle a cancellation request without a cancellation token."))) //nolint:staticcheck,revive // StateFun's text
	case d.IsCancellation:
		inv.Cancel(d.CancellationToken)
	case d.DelayMillis < 0:
		inv.Fail(functions.Permanent(fmt.Errorf("delayed message to %s: negative delay of %d ms", d.Target, d.DelayMillis)))
	case d.DelayMillis > maxDelayMillis:
		inv.Fail(functions.Permanent(fmt.Errorf("delayed message to %s: a delay of %d ms overflows the clock", d.Target, d.DelayMillis)))
	default:
		if m, ok := inv.outgoing(d.Target, &d.Argument); ok {
			inv.SendAfter(time.Duration(d.DelayMillis)*time.Millisecond, d.Target, m, d.CancellationToken)
		}
	}
}

// mutate changes a state. The value is a copy: it outlives the response.
func (inv *invocation) mutate(m *protocol.PersistedValueMutation) {
	s := inv.fn.stateNamed(m.StateName)
	switch {
	case s == nil || s.Kind != functions.KindValue:
		inv.Fail(functions.Permanent(fmt.Errorf("Accessing a non-existing function state: %s. This can happen if you forgot to declare this state using the language SDKs.", m.StateName))) //nolint:staticcheck,revive // StateFun's text
	case m.MutationType == protocol.Delete:
		inv.ClearValue(s.spec)
	case m.MutationType != protocol.Modify:
		inv.Fail(functions.Permanent(fmt.Errorf("Received an UNRECOGNIZED PersistedValueMutation type. Found %v of the state [%s], expected %v or %v", m.MutationType, m.StateName, protocol.Delete, protocol.Modify))) //nolint:staticcheck // StateFun's text
	case m.StateValue.Typename != s.Type:
		inv.Fail(functions.Permanent(&persistence.StateTypeError{
			Function: inv.fn.Type, State: m.StateName, Was: string(s.Type), Is: string(m.StateValue.Typename),
		}))
	default:
		inv.SetValue(s.spec, bytes.Clone(m.StateValue.Value))
	}
}

func (f *function) stateNamed(name string) *state {
	for _, s := range *f.states.Load() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// maxRemoteStates bounds what a server can make up.
const maxRemoteStates = 1000

// unsetType is what StateFun takes where a state has no type.
const unsetType functions.TypeName = "io.statefun.types/unset"

// learn registers the states that a server misses. It is an error if the request
// had them all: the server would ask for ever.
func (w *worker) learn(q *remoteRequest, missing []protocol.PersistedValueSpec) error {
	sent := make(map[string]bool, len(q.sent.Invocation.State))
	for i := range q.sent.Invocation.State {
		sent[q.sent.Invocation.State[i].StateName] = true
	}
	fn := q.fn
	news := false
	for i := range missing {
		spec, err := stateSpec(&missing[i])
		if err != nil {
			return err
		}
		news = news || !sent[spec.Name]
		if s := fn.stateNamed(spec.Name); s == nil && len(*fn.states.Load()) >= maxRemoteStates {
			return fmt.Errorf("%s asks for the state [%s]: at most %d states are allowed", fn.Type, spec.Name, maxRemoteStates)
		}
		if err := w.engine.declare(fn, spec); err != nil {
			return err
		}
	}
	if !news {
		return fmt.Errorf("%s asks for states that it got: %d of them are missing, all were sent", fn.Type, len(missing))
	}
	return nil
}

// stateSpec makes a declaration of what a server says of a state.
func stateSpec(p *protocol.PersistedValueSpec) (*functions.StateSpec, error) {
	s := &functions.StateSpec{Name: p.StateName, Kind: functions.KindValue, Type: cmp.Or(p.TypeTypename, unsetType)}
	e := &p.ExpirationSpec
	switch e.Mode {
	case protocol.ExpireNone:
		return s, s.Validate()
	case protocol.ExpireAfterWrite:
		s.Mode = functions.ExpireAfterWrite
	case protocol.ExpireAfterInvoke:
		s.Mode = functions.ExpireAfterInvoke
	default:
		return nil, fmt.Errorf("state [%s]: unknown %v", s.Name, e.Mode)
	}
	if e.ExpireAfterMillis > maxDelayMillis {
		return nil, fmt.Errorf("state [%s]: an expiration after %d ms overflows the clock", s.Name, e.ExpireAfterMillis)
	}
	s.TTL = time.Duration(e.ExpireAfterMillis) * time.Millisecond
	return s, s.Validate()
}
