package remote

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
	"github.com/statefun-go/statefun/functions/protocol"
)

// runtime is a small runtime for one function type, which speaks the protocol to a
// handler as StateFun does, with a clock of its own. It retries nothing; of a batch
// that fails, it leaves out the invocation that the handler names, or tries one by one.
type runtime struct {
	t       testing.TB
	handler http.Handler
	fn      functions.TypeName

	now        time.Time
	specs      map[string]protocol.PersistedValueSpec
	states     map[string]map[string]stored // by id, by name
	queue      []delivery
	timers     []delivery
	requests   int
	handshakes int
}

type stored struct {
	value   []byte
	touched time.Time
}

// delivery is a message on its way.
type delivery struct {
	from, to functions.Address
	message  functions.Message
	due      time.Time
	token    string
}

func newRuntime(t testing.TB, handler http.Handler, fn functions.TypeName) *runtime {
	t.Helper()
	return &runtime{
		t: t, handler: handler, fn: fn, now: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		specs: map[string]protocol.PersistedValueSpec{}, states: map[string]map[string]stored{},
	}
}

// answer is what a handler said to a request.
type answer struct {
	protocol.FromFunction
	status      int
	text        string
	failedIndex int // -1: it does not say
	permanent   bool
}

func post(t testing.TB, h http.Handler, request *protocol.ToFunction) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/statefun", bytes.NewReader(request.Append(nil)))
	r.Header.Set("Content-Type", protocol.ContentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{status: w.Code, text: w.Body.String(), failedIndex: -1, permanent: w.Header().Get(protocol.HeaderPermanent) == "true"}
	if w.Code != http.StatusOK {
		if index, err := strconv.Atoi(w.Header().Get(protocol.HeaderFailedInvocation)); err == nil {
			a.failedIndex = index
		}
		return a
	}
	// The official SDK leaves the type to the server, which sniffs it.
	if got := w.Result().Header.Get("Content-Type"); got != protocol.ContentType {
		t.Errorf("content type %q", got)
	}
	var d protocol.Decoder
	if err := d.FromFunction(w.Body.Bytes(), &a.FromFunction); err != nil {
		t.Fatal(err)
	}
	return a
}

// deliver runs messages to one id as one batch, and returns what they did and why
// those that failed did.
func (r *runtime) deliver(id string, messages []delivery) (eff functionstest.Effects, failures []error) {
	r.t.Helper()
	parts := func(parts ...[]delivery) {
		for _, part := range parts {
			more, failed := r.deliver(id, part)
			add(&eff, more)
			failures = append(failures, failed...)
		}
	}
	if len(messages) == 0 {
		return eff, nil
	}
	a := r.call(id, messages)
	switch {
	case a.status == http.StatusOK:
		err := r.apply(id, &a.InvocationResult, &eff)
		if err != nil && len(messages) > 1 {
			parts(slices.Collect(slices.Chunk(messages, 1))...)
		} else if err != nil {
			failures = append(failures, err)
		}
	case a.failedIndex >= len(messages):
		r.t.Fatalf("answer %d to %d messages names the invocation %d: %s", a.status, len(messages), a.failedIndex, a.text)
	case len(messages) == 1:
		failures = append(failures, a.failure())
	case a.failedIndex < 0:
		parts(slices.Collect(slices.Chunk(messages, 1))...)
	default:
		parts(messages[:a.failedIndex])
		failures = append(failures, a.failure())
		parts(messages[a.failedIndex+1:])
	}
	return eff, failures
}

func (a *answer) failure() error {
	err := errors.New(a.text)
	if a.permanent {
		err = functions.Permanent(err)
	}
	return err
}

// call sends a batch, again whenever states are missing.
func (r *runtime) call(id string, messages []delivery) answer {
	r.t.Helper()
	for {
		var m protocol.ToFunction
		m.Invocation.Target = r.fn.At(id)
		m.Invocation.State = r.stateOf(id)
		for _, d := range messages {
			m.Invocation.Invocations = append(m.Invocation.Invocations, protocol.Invocation{
				Caller: d.from, Argument: protocol.ValueOf(d.message.Type, d.message.Value),
			})
		}
		r.requests++
		a := post(r.t, r.handler, &m)
		if !a.IncompleteInvocationContext.Present {
			return a
		}
		r.handshakes++
		known := len(r.specs)
		for _, s := range a.IncompleteInvocationContext.MissingValues {
			if _, ok := r.specs[s.StateName]; !ok {
				r.specs[s.StateName] = s
			}
		}
		if len(r.specs) == known {
			r.t.Fatalf("only known states are missing: %v", a.IncompleteInvocationContext)
		}
	}
}

// stateOf returns all known states of an id, without those that have expired.
func (r *runtime) stateOf(id string) (out []protocol.PersistedValue) {
	for name, spec := range r.specs {
		p := protocol.PersistedValue{StateName: name}
		if s, ok := r.live(id, name); ok {
			p.StateValue = protocol.ValueOf(spec.TypeTypename, s.value)
		}
		out = append(out, p)
	}
	return out
}

func (r *runtime) live(id, name string) (stored, bool) {
	s, ok := r.states[id][name]
	if e := r.specs[name].ExpirationSpec; ok && e.Mode != protocol.ExpireNone {
		ok = r.now.Before(s.touched.Add(time.Duration(e.ExpireAfterMillis) * time.Millisecond))
	}
	return s, ok
}

// apply puts a response into effect, and adds it to all.
func (r *runtime) apply(id string, result *protocol.InvocationResponse, all *functionstest.Effects) error {
	r.t.Helper()
	var eff functionstest.Effects
	self := r.fn.At(id)
	timers := slices.Clone(r.timers)
	for _, d := range result.DelayedInvocations {
		ofToken := func(t delivery) bool {
			return t.token == d.CancellationToken && t.token != "" && t.from.ID == id
		}
		if d.IsCancellation {
			eff.Cancelled = append(eff.Cancelled, d.CancellationToken)
			timers = slices.DeleteFunc(timers, ofToken)
			continue
		}
		if slices.ContainsFunc(timers, ofToken) {
			return fmt.Errorf("the token %q is pending already", d.CancellationToken)
		}
		delay := time.Duration(d.DelayMillis) * time.Millisecond
		eff.Delayed = append(eff.Delayed, functionstest.Delayed{
			After: delay, To: d.Target, Message: message(d.Argument), Token: d.CancellationToken,
		})
		timers = append(timers, delivery{self, d.Target, message(d.Argument), r.now.Add(delay), d.CancellationToken})
		slices.SortStableFunc(timers, func(a, b delivery) int { return a.due.Compare(b.due) })
	}
	r.timers = timers
	for _, m := range result.OutgoingMessages {
		eff.Sent = append(eff.Sent, functionstest.Sent{To: m.Target, Message: message(m.Argument)})
		if m.Target.Type == r.fn {
			r.queue = append(r.queue, delivery{from: self, to: m.Target, message: message(m.Argument)})
		}
	}
	for _, e := range result.OutgoingEgresses {
		eff.Egress = append(eff.Egress, functionstest.Emitted{To: functions.Egress(e.Egress), Message: message(e.Argument)})
	}
	r.touch(id)
	for _, m := range result.StateMutations {
		r.mutate(id, &m)
	}
	add(all, eff)
	return nil
}

// touch restarts the life of the states that last while their address is in use.
func (r *runtime) touch(id string) {
	for name, spec := range r.specs {
		if s, ok := r.live(id, name); ok && spec.ExpirationSpec.Mode == protocol.ExpireAfterInvoke {
			r.states[id][name] = stored{s.value, r.now}
		}
	}
}

func (r *runtime) mutate(id string, m *protocol.PersistedValueMutation) {
	r.t.Helper()
	spec, known := r.specs[m.StateName]
	switch {
	case !known:
		r.t.Errorf("mutation of the unknown state %q", m.StateName)
	case m.MutationType == protocol.Delete:
		delete(r.states[id], m.StateName)
	case m.MutationType != protocol.Modify || m.StateValue.Typename != spec.TypeTypename || !m.StateValue.HasValue:
		r.t.Errorf("mutation %+v of a state of type %s", m, spec.TypeTypename)
	default:
		if r.states[id] == nil {
			r.states[id] = map[string]stored{}
		}
		r.states[id][m.StateName] = stored{m.StateValue.Value, r.now}
	}
}

// advance is functionstest.Kit.Advance.
func (r *runtime) advance(d time.Duration) (eff functionstest.Effects) {
	r.t.Helper()
	for end := r.now.Add(d); ; {
		var next delivery
		switch {
		case len(r.queue) > 0:
			next, r.queue = r.queue[0], r.queue[1:]
		case len(r.timers) > 0 && !r.timers[0].due.After(end):
			next, r.timers = r.timers[0], r.timers[1:]
			r.now = next.due
		default:
			r.now = end
			return eff
		}
		if next.to.Type != r.fn {
			eff.Sent = append(eff.Sent, functionstest.Sent{To: next.to, Message: next.message})
			continue
		}
		more, failures := r.deliver(next.to.ID, []delivery{next})
		if failures != nil {
			r.t.Fatalf("%s failed on %v: %v", next.to, next.message, failures)
		}
		add(&eff, more)
	}
}

// at is functionstest.Kit.At, for reading only.
func (r *runtime) at(id string) functions.Context {
	return functions.NewContext(&stateReader{runtime: r, id: id})
}

// stateReader is a Driver that only reads values.
type stateReader struct {
	functions.Driver
	runtime *runtime
	id      string
}

func (s *stateReader) GetValue(spec *functions.StateSpec) ([]byte, bool) {
	c, ok := s.runtime.live(s.id, spec.Name)
	return c.value, ok
}

func (s *stateReader) Fail(err error) { s.runtime.t.Fatal(err) }

func message(v protocol.TypedValue) functions.Message {
	return functions.Message{Type: v.Typename, Value: v.Value}
}

func add(eff *functionstest.Effects, more functionstest.Effects) {
	eff.Sent = append(eff.Sent, more.Sent...)
	eff.Egress = append(eff.Egress, more.Egress...)
	eff.Delayed = append(eff.Delayed, more.Delayed...)
	eff.Cancelled = append(eff.Cancelled, more.Cancelled...)
}
