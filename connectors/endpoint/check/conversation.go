package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/functions/protocol"
)

const (
	// singles is how many requests carry one message each.
	singles = 3
	// batchSize is how many messages the last request carries. It equals singles, so
	// that both come to the same.
	batchSize = 3
	// maxRounds of the handshake: more states each time.
	maxRounds = 10
)

// conversation is what passes between the runtime and one instance of a function.
type conversation struct {
	*checker

	client *client
	// specs are the states that the function has declared, in order.
	specs []protocol.PersistedValueSpec
	// state is what the instance has now.
	state map[string]protocol.TypedValue
}

// converse speaks with the function as the runtime does.
func (c *checker) converse(ctx context.Context, to *client) {
	v := &conversation{checker: c, client: to, state: map[string]protocol.TypedValue{}}
	first, ok := v.handshake(ctx)
	if !ok {
		return
	}
	defer c.kept()
	if !c.options.Message.Present {
		c.skipped("message", "no message was given, so the function was not invoked; --type with --value, --string or --file gives one, and it is sent %d times", Invocations)
		return
	}
	if !v.invocations(ctx, first) {
		return
	}
	c.times()
}

func (v *conversation) message() []protocol.Invocation {
	if !v.options.Message.Present {
		return nil
	}
	return []protocol.Invocation{{Argument: v.options.Message}}
}

// request is what the runtime would send: all states it knows of, and the messages.
func (v *conversation) request(messages []protocol.Invocation) []byte {
	m := protocol.ToFunction{Invocation: protocol.InvocationBatchRequest{
		Present: true, Target: v.options.Function.At(v.options.ID), Invocations: messages,
	}}
	for i := range v.specs {
		name := v.specs[i].StateName
		m.Invocation.State = append(m.Invocation.State, protocol.PersistedValue{StateName: name, StateValue: v.state[name]})
	}
	return m.Append(nil)
}

// ask makes a request and returns its answer. What is wrong with it is a finding.
func (v *conversation) ask(ctx context.Context, check string, body []byte) (*protocol.FromFunction, *reply) {
	r := v.client.do(ctx, http.MethodPost, body)
	if ctx.Err() != nil {
		return nil, nil
	}
	if r.status != 0 {
		v.report.Reached = true
	}
	m, f := judge(v.door, r)
	if f != nil {
		v.timed(Finding{Check: check, Outcome: Failed, What: f.what, Advice: f.advice}, r)
		return nil, r
	}
	v.calls = append(v.calls, r.took)
	v.reused = v.reused || len(v.calls) > 1 && r.reused
	return m, r
}

// handshake learns the states: the first request has none, and each answer that misses
// some is asked again with them, absent. It returns the first answer that misses none.
func (v *conversation) handshake(ctx context.Context) (*protocol.FromFunction, bool) {
	const check = "handshake"
	for round := 1; round <= maxRounds; round++ {
		m, r := v.ask(ctx, check, v.request(v.message()))
		if m == nil {
			if r != nil && !v.options.Message.Present && r.status == http.StatusInternalServerError {
				v.note(check, "the request had no invocation, which the runtime never sends", "give a message to see what comes of it")
			}
			return nil, false
		}
		if m.IncompleteInvocationContext.Present {
			if !v.learn(&m.IncompleteInvocationContext) {
				return nil, false
			}
			continue
		}
		v.timed(Finding{Check: check, Outcome: OK, What: v.declared(round)}, r)
		if r.coding != "" {
			v.ok("compression", "answers are compressed with %s, which the runtime understands", r.coding)
		}
		return m, true
	}
	v.failed(check, fmt.Sprintf("after %d requests the function still misses states", maxRounds), "name all states in the first answer")
	return nil, false
}

// learn takes the states that an answer misses.
func (v *conversation) learn(missing *protocol.IncompleteInvocationContext) bool {
	const check = "handshake"
	added, healthy := 0, true
	for i := range missing.MissingValues {
		spec := missing.MissingValues[i]
		known := v.spec(spec.StateName)
		for _, f := range specFaults(&spec, known) {
			v.failed("states", f.what, f.advice)
			healthy = false
		}
		if known == nil {
			v.specs = append(v.specs, spec)
			added++
		}
	}
	switch {
	case len(missing.MissingValues) == 0:
		v.failed(check, "the answer is an incomplete_invocation_context that misses nothing", "answer with an invocation_result when no state is missing")
		return false
	case added == 0:
		v.failed(check, fmt.Sprintf("the function misses the state %s, which the request had", clipped(missing.MissingValues[0].StateName)),
			"a PersistedValue without state_value is a state that is absent, not one that the runtime does not know")
		return false
	}
	return healthy
}

func (v *conversation) spec(name string) *protocol.PersistedValueSpec {
	i := slices.IndexFunc(v.specs, func(s protocol.PersistedValueSpec) bool { return s.StateName == name })
	if i < 0 {
		return nil
	}
	return &v.specs[i]
}

// declared says which states the function has.
func (v *conversation) declared(rounds int) string {
	if len(v.specs) == 0 {
		return "the function declares no state: the first request was answered at once"
	}
	var names []string
	for i := range v.specs {
		s := &v.specs[i]
		text := fmt.Sprintf("%s (%s", clipped(s.StateName), clipped(string(s.TypeTypename)))
		if e := s.ExpirationSpec; e.Mode != protocol.ExpireNone {
			text += fmt.Sprintf(", expires %v after the last %s", time.Duration(e.ExpireAfterMillis)*time.Millisecond,
				map[protocol.ExpireMode]string{protocol.ExpireAfterWrite: "write", protocol.ExpireAfterInvoke: "invocation"}[e.Mode])
		}
		names = append(names, text+")")
	}
	return fmt.Sprintf("in %d requests the function declares its states: %s", rounds, strings.Join(names, ", "))
}

// effects are what invocations come to.
type effects struct {
	state map[string]protocol.TypedValue
	rest  []byte // messages and records, encoded
}

func (e *effects) equal(o *effects) bool {
	return bytes.Equal(e.rest, o.rest) && e.difference(o) == ""
}

// difference names a state that is not the same, "" if there is none.
func (e *effects) difference(o *effects) string {
	same := func(a, b protocol.TypedValue) bool {
		return a.HasValue == b.HasValue && a.Typename == b.Typename && bytes.Equal(a.Value, b.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(e.state)) {
		if !same(e.state[name], o.state[name]) {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.state)) {
		if !same(e.state[name], o.state[name]) {
			return name
		}
	}
	return ""
}

// apply carries an answer out, and returns what it came to together with what was
// before.
func (v *conversation) apply(m *protocol.FromFunction, before *effects) *effects {
	out := *m
	out.InvocationResult.StateMutations = nil
	after := &effects{state: maps.Clone(v.state), rest: out.Append(slices.Clone(before.rest))}
	if out.Size() == 0 || !v.sends(m) {
		after.rest = before.rest
	}
	for _, x := range m.InvocationResult.StateMutations {
		if x.MutationType == protocol.Modify {
			value := x.StateValue
			value.Present, value.HasValue = true, true
			after.state[x.StateName] = value
		} else {
			delete(after.state, x.StateName)
		}
	}
	v.state = after.state
	return after
}

func (*conversation) sends(m *protocol.FromFunction) bool {
	r := &m.InvocationResult
	return len(r.OutgoingMessages)+len(r.DelayedInvocations)+len(r.OutgoingEgresses) > 0
}

// invocations judges what the function does on messages: three, one after the other,
// and then the same three in one request, which must come to the same.
func (v *conversation) invocations(ctx context.Context, m *protocol.FromFunction) bool {
	one := v.apply(m, &effects{})
	if !v.look(m) {
		return false
	}
	v.ok("effects", "%s", described(m))
	m, _ = v.ask(ctx, "state", v.request(v.message()))
	if m == nil || !v.look(m) {
		return false
	}
	if len(v.state) > 0 {
		v.ok("state", "a second message gets the state that the first one left: %s", strings.Join(slices.Sorted(maps.Keys(v.state)), ", "))
	}
	all := v.apply(m, one)
	if m = v.asRuntime(ctx); m == nil || !v.look(m) {
		return false
	}
	all = v.apply(m, all)
	return v.batch(ctx, one, all)
}

// look judges the effects of an answer.
func (v *conversation) look(m *protocol.FromFunction) bool {
	if c := &m.IncompleteInvocationContext; c.Present {
		name := ""
		if len(c.MissingValues) > 0 {
			name = c.MissingValues[0].StateName
		}
		if v.spec(name) == nil && name != "" {
			v.note("states", fmt.Sprintf("the function declares one more state later: %s", clipped(name)), "declare all states from the beginning: each new one costs a request")
		} else {
			v.failed("states", fmt.Sprintf("the function misses the state %q, which the request had", clipped(name)), "compare the names of states exactly")
		}
		return false
	}
	faults := v.effectFaults(&m.InvocationResult)
	for _, f := range faults {
		v.failed("effects", f.what, f.advice)
	}
	return len(faults) == 0
}

// asRuntime makes the third request with the runtime's own client.
func (v *conversation) asRuntime(ctx context.Context) *protocol.FromFunction {
	const check = "runtime's client"
	e, err := endpoint.Open(v.options.Endpoint)
	if err != nil {
		v.failed(check, err.Error(), "")
		return nil
	}
	defer e.Close()
	timed, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	start := time.Now()
	b, err := e.Attempt(timed, endpoint.Request{Function: v.options.Function, Body: v.request(v.message())})
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		advice := ""
		if errors.Is(err, context.DeadlineExceeded) {
			advice = "allow for more with --timeout"
		}
		v.failed(check, err.Error(), advice)
		return nil
	}
	r := &reply{took: time.Since(start)}
	var m protocol.FromFunction
	if err := new(protocol.Decoder).FromFunction(b, &m); err != nil {
		v.failed(check, err.Error(), "")
		return nil
	}
	v.timed(Finding{Check: check, Outcome: OK, What: "a third message, sent with the client that the runtime uses, is answered as well"}, r)
	return &m
}

// batch sends several messages in one request. The instance begins anew.
func (v *conversation) batch(ctx context.Context, one, all *effects) bool {
	const check = "batch"
	v.state = map[string]protocol.TypedValue{}
	m, r := v.ask(ctx, check, v.request(slices.Repeat(v.message(), batchSize)))
	if m == nil || !v.look(m) {
		return false
	}
	got := v.apply(m, &effects{})
	// Several changes of one state may come as one: only what they come to counts.
	got.rest, all.rest, one.rest = ordered(got.rest), ordered(all.rest), ordered(one.rest)
	f := Finding{Check: check}
	switch {
	case got.equal(all):
		f.Outcome, f.What = OK, fmt.Sprintf("%d messages in one request come to the same as one after the other", batchSize)
	case got.equal(one):
		f.Outcome, f.What = Failed, fmt.Sprintf("%d messages in one request come to the same as one message: the others are lost", batchSize)
		f.Advice = "run the function on each of the invocations in turn, on the same state, and answer with the effects of all"
	case got.difference(all) != "":
		f.Outcome, f.What = Note, fmt.Sprintf("%d messages in one request leave another state %s than one after the other", batchSize, clipped(got.difference(all)))
		f.Advice = "fine if the function depends on time or chance; else the invocations must run in their order, on the same state"
	default:
		f.Outcome, f.What = Note, fmt.Sprintf("%d messages in one request send other messages or records than one after the other", batchSize)
		f.Advice = "fine if the function depends on time or chance; else the effects of each invocation must be in the answer, in order"
	}
	v.timed(f, r)
	return f.Outcome != Failed
}

// ordered is rest by kind, as one answer has it: messages, delayed ones, records.
func ordered(rest []byte) []byte {
	var m protocol.FromFunction
	if new(protocol.Decoder).FromFunction(rest, &m) != nil {
		return rest
	}
	return m.Append(nil)
}

// kept says whether connections are kept, if that is not known yet.
func (c *checker) kept() {
	switch {
	case !c.closes || len(c.calls) < 2:
	case c.reused:
		c.ok("keep-alive", "the connection is used again, but for one on which a request was refused")
	default:
		c.note("keep-alive", "the server closes the connection after each answer: every call connects anew", "let it keep connections (HTTP/1.1 does unless told otherwise)")
	}
}

// times says how long calls took.
func (c *checker) times() {
	if len(c.calls) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(c.calls))
	show := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	c.ok("time", "%d calls of the function took %s to %s, %s in the middle", len(sorted), show(sorted[0]), show(sorted[len(sorted)-1]), show(sorted[len(sorted)/2]))
}
