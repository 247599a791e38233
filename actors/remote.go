package actors

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// Caller carries requests to function servers, in the protocol of package protocol.
// It is safe for concurrent use.
type Caller interface {
	// Call makes one attempt: it sends an encoded ToFunction and returns the body of
	// the response, which is the caller's. It bounds the time that this takes, and
	// ends when ctx does. It keeps nothing of the request. An error that is no *CallError
	// is an answer that says no. One that is a functions.ErrPermanent is not tried again.
	//
	// A request without invocations is a probe: a server that is there answers it,
	// and runs no function for it.
	Call(ctx context.Context, function functions.TypeName, request []byte) ([]byte, error)
}

// CallError is why a request did not bring a response.
type CallError struct {
	Err error
	// Unsent says that no server took the request: none was reached, or it wants to be
	// asked later. It is never counted as an attempt.
	Unsent bool
	// Down says that it looks like a server that is down or overloaded. It counts as an
	// attempt only if the server is seen to be there.
	Down bool
	// TooLarge says that a smaller request may do: it is the message that fails, if it is
	// alone in it.
	TooLarge bool
	// Invocation is which of the request's invocations failed, from 1; 0: the server does
	// not say.
	Invocation int
	// MaxAttempts is how often the function wants a message to be tried; 0: it does not
	// say. Remote.MaxAttempts goes before it.
	MaxAttempts int
	// RetryAfter is how long the server wants to be left alone; 0: it does not say.
	RetryAfter time.Duration
}

func (e *CallError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }

// Remote is where some function types are called, in place of running here.
type Remote struct {
	// Functions are those: "namespace/name" is one type, "namespace/*" are all of the
	// namespace that have neither a Remote nor a function of their own.
	Functions string
	Caller    Caller
	// Endpoint is where that is, for people: without secrets.
	Endpoint string
	// MaxNumBatchRequests is how many invocations one request carries at most. 0 is
	// no limit.
	MaxNumBatchRequests int
	// MaxBatchBytes of a request; one that carries a single invocation may be larger.
	// Defaults to 1 MiB, which is what the strictest of StateFun's SDKs takes.
	MaxBatchBytes int64
	// MaxInFlight requests at a time, over all addresses. Defaults to 32,768.
	MaxInFlight int
	// MaxAttempts before a message is quarantined. Defaults to what the server says of
	// the function, or that of the Options; negative: it never is, but for permanent
	// failures.
	MaxAttempts int
	// Host names the server of a function type: those that have the same go away, and
	// come back, together. Defaults to one for all.
	Host func(functions.TypeName) string
}

const (
	defaultMaxBatchBytes = 1 << 20
	defaultMaxInFlight   = 32768 // StateFun's statefun.async.max-per-task
	everyName            = "/*"
)

// remote is a Remote with its requests.
type remote struct {
	Remote

	engine   *Engine
	attempts int
	decoders sync.Pool

	senders *senders

	mu      sync.Mutex
	servers map[string]*server
}

func newRemote(e *Engine, r Remote) *remote {
	r.MaxBatchBytes = cmp.Or(r.MaxBatchBytes, defaultMaxBatchBytes)
	r.MaxInFlight = cmp.Or(r.MaxInFlight, defaultMaxInFlight)
	out := &remote{Remote: r, engine: e, attempts: cmp.Or(r.MaxAttempts, e.opts.MaxAttempts), servers: map[string]*server{}}
	if out.attempts < 0 {
		out.attempts = math.MaxInt
	}
	if r.Host == nil {
		out.Host = func(functions.TypeName) string { return "" }
	}
	out.senders = newSenders(e, r.MaxInFlight)
	out.decoders.New = func() any { return new(protocol.Decoder) }
	return out
}

// server returns the one that answers for a function type.
func (r *remote) server(t functions.TypeName) *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	host := r.Host(t)
	s := r.servers[host]
	if s == nil {
		s = &server{engine: r.engine, name: r.Functions, host: host}
		r.servers[host] = s
	}
	return s
}

// remotes finds the function types that are called elsewhere. Which ones there are
// in a namespace shows only when they get messages.
type remotes struct {
	types      map[functions.TypeName]*remote
	namespaces map[string]*remote
	known      sync.Map // functions.TypeName → *function, of those that got messages
	count      atomic.Int64
	adding     sync.Mutex
}

// maxRemoteTypes bounds the function types that messages from outside, or of
// functions, can make up.
const maxRemoteTypes = 100_000

func (e *Engine) registerRemotes() error {
	rs := &e.remotes
	rs.types, rs.namespaces = map[functions.TypeName]*remote{}, map[string]*remote{}
	for _, r := range e.opts.Remotes {
		t, err := functions.ParseTypeName(r.Functions)
		switch {
		case err != nil:
			return fmt.Errorf("actors: remote functions: %w", err)
		case r.Caller == nil:
			return fmt.Errorf("actors: remote functions %s: no Caller", r.Functions)
		case t.Namespace() == reservedNamespace:
			return fmt.Errorf("actors: remote functions %s: the namespace %s is the runtime's own", t, reservedNamespace)
		case r.MaxNumBatchRequests < 0 || r.MaxBatchBytes < 0 || r.MaxInFlight < 0:
			return fmt.Errorf("actors: remote functions %s: a limit is negative", t)
		case e.functions[t] != nil || rs.types[t] != nil || t.Name() == "*" && rs.namespaces[t.Namespace()] != nil:
			return fmt.Errorf("actors: function %s is registered twice", t)
		}
		if namespace, ok := strings.CutSuffix(r.Functions, everyName); ok {
			rs.namespaces[namespace] = newRemote(e, r)
		} else {
			rs.types[t] = newRemote(e, r)
		}
	}
	return nil
}

// of returns where a function type is called, nil if nowhere.
func (rs *remotes) of(t functions.TypeName) *remote {
	if r := rs.types[t]; r != nil || len(rs.namespaces) == 0 {
		return r
	}
	r := rs.namespaces[t.Namespace()]
	if r == nil {
		return nil
	}
	if _, err := functions.ParseTypeName(string(t)); err != nil {
		return nil
	}
	return r
}

// has reports whether messages may be sent to a function type.
func (e *Engine) has(t functions.TypeName) bool {
	if e.functions[t] != nil {
		return true
	}
	rs := &e.remotes
	r := rs.of(t)
	if r == nil || rs.count.Load() < maxRemoteTypes {
		return r != nil
	}
	_, known := rs.known.Load(t)
	return known
}

// function returns what runs the messages of a function type, nil if nothing does.
func (e *Engine) function(t functions.TypeName) *function {
	if f := e.functions[t]; f != nil {
		return f
	}
	if f, ok := e.remotes.known.Load(t); ok {
		return f.(*function) //nolint:forcetypeassert // nothing else is in it
	}
	return e.addRemote(t)
}

// addRemote makes a function of a type that is called elsewhere and has got its
// first message. The states that former runs were told of are the function's at
// once, with the expiration they had.
func (e *Engine) addRemote(t functions.TypeName) *function {
	r := e.remotes.of(t)
	if r == nil {
		return nil
	}
	e.remotes.adding.Lock()
	defer e.remotes.adding.Unlock()
	if f, ok := e.remotes.known.Load(t); ok {
		return f.(*function) //nolint:forcetypeassert // nothing else is in it
	}
	f := newFunction(&functions.Function{Type: t}, &e.opts)
	f.remote, f.server, f.maxAttempts = r, r.server(t), r.attempts
	f.remember(e.journal.Specs(t))
	for _, s := range *f.states.Load() {
		s.dormant = false
	}
	f.introduction.known.Store(len(*f.states.Load()) > 0)
	e.remotes.known.Store(t, f)
	e.remotes.count.Add(1)
	return f
}

// each visits all functions of the application that there are by now.
func (e *Engine) each(visit func(*function)) {
	for _, f := range e.functions {
		if f.native == nil {
			visit(f)
		}
	}
	e.remotes.known.Range(func(_, f any) bool {
		visit(f.(*function)) //nolint:forcetypeassert // nothing else is in it
		return true
	})
}
