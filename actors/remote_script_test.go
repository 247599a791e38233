package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
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
	if err := d.ToFunction(bytes.Clone(request), &in); err != nil {
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
	passes.Load()
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
	passes.Load()
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
func (s *script) count() int { return s.counts().requests }

// counts are what the script has counted so far.
type counts struct{ requests, probes, running, most int }

func (s *script) counts() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return counts{len(s.asked), s.probes, s.running, s.most}
}

// lookAgain counts anew how many requests run at a time.
func (s *script) lookAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = s.running
}

// from are the requests from a number on.
func (s *script) from(number int) []protocol.InvocationBatchRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked[number:])
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
