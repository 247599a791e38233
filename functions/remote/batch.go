package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// batch is one request: invocations of one address, and what they do together. It
// is not used again for another request: a function may have kept its Context.
type batch struct {
	handler     *Handler
	fn          *function
	self        functions.Address
	invocations []protocol.Invocation

	cells    []cell
	missing  []*functions.StateSpec // the runtime does not know them yet
	response protocol.InvocationResponse
	tokens   map[string]bool // under which this batch has sent
}

func newBatch(h *Handler, fn *function, asked *protocol.InvocationBatchRequest) (*batch, error) {
	b := &batch{handler: h, fn: fn, self: asked.Target, invocations: slices.Clone(asked.Invocations)}
	b.response.Present = true
	b.cells = make([]cell, len(asked.State), len(asked.State)+len(fn.states))
	for i := range asked.State {
		s := &asked.State[i]
		v := &s.StateValue
		b.cells[i] = cell{name: s.StateName, typename: v.Typename, value: v.Value, present: v.HasValue}
	}
	for _, spec := range fn.states {
		c := b.find(spec)
		if c == nil {
			b.missing = append(b.missing, spec)
			continue
		}
		if err := c.check(spec); err != nil {
			return nil, fmt.Errorf("remote: function %s: %w", fn.Type, err)
		}
	}
	return b, nil
}

// run invokes the function on each message, unless a state is missing, and returns
// the response. The effects of all are one: the first failure ends it.
func (b *batch) run(ctx context.Context) ([]byte, error) {
	for i := 0; i < len(b.invocations) && len(b.missing) == 0; i++ {
		err := b.invoke(ctx, &b.invocations[i])
		if err != nil && len(b.missing) == 0 {
			return nil, b.failed(ctx, i, err)
		}
	}
	var answer protocol.FromFunction
	if len(b.missing) > 0 {
		answer.IncompleteInvocationContext = b.incomplete()
	} else {
		answer.InvocationResult = b.response
		answer.InvocationResult.StateMutations = b.mutations()
	}
	return answer.Append(nil), nil
}

func (b *batch) failed(ctx context.Context, i int, err error) error {
	if p, ok := errors.AsType[*panicError](err); ok {
		b.logger().ErrorContext(ctx, "a function panicked", "invocation", i, "panic", p.value, "stack", string(p.stack))
	} else {
		b.logger().WarnContext(ctx, "an invocation failed", "invocation", i, "error", err)
	}
	return &invocationError{b.fn, i, err}
}

func (b *batch) logger() *slog.Logger {
	return b.handler.options.Logger.With("function", string(b.fn.Type), "id", b.self.ID)
}

// invoke runs one invocation.
func (b *batch) invoke(ctx context.Context, asked *protocol.Invocation) error {
	inv := &invocation{Context: ctx, batch: b}
	if err := inv.from(asked.Caller); err != nil {
		return err
	}
	if !asked.Argument.Present {
		return errors.New("remote: the invocation has no argument")
	}
	if d := b.fn.Deadline; d > 0 {
		var cancel context.CancelFunc
		inv.Context, cancel = context.WithTimeoutCause(ctx, d, errDeadline) //nolint:forbidigo // a server of functions has the operating system's clock
		defer cancel()
	}
	if err := inv.run(functions.Message{Type: asked.Argument.Typename, Value: asked.Argument.Value}); err != nil {
		return err
	}
	if inv.Context.Err() != nil { // nobody waits any more, or not for this
		return context.Cause(inv.Context)
	}
	return nil
}

// run calls the function. A panic is an error; runtime.Goexit is noticed further
// up, it cannot be stopped.
func (inv *invocation) run(m functions.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		} else if inv.failure != nil {
			err = inv.failure
		}
	}()
	return inv.batch.fn.Invoke(functions.NewContext(inv), m)
}

// incomplete asks for the states that are missing.
func (b *batch) incomplete() protocol.IncompleteInvocationContext {
	out := protocol.IncompleteInvocationContext{Present: true}
	for _, s := range b.missing {
		spec := protocol.PersistedValueSpec{StateName: s.Name, TypeTypename: s.Type}
		if s.Mode != functions.ExpireNever {
			spec.ExpirationSpec = protocol.ExpirationSpec{
				Present: true, Mode: expireModes[s.Mode], ExpireAfterMillis: milliseconds(s.TTL),
			}
		}
		out.MissingValues = append(out.MissingValues, spec)
	}
	return out
}

var expireModes = map[functions.ExpireMode]protocol.ExpireMode{
	functions.ExpireNever:       protocol.ExpireNone,
	functions.ExpireAfterWrite:  protocol.ExpireAfterWrite,
	functions.ExpireAfterInvoke: protocol.ExpireAfterInvoke,
}

// milliseconds rounds up: nothing may come, or go, before its time.
func milliseconds(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d%time.Millisecond > 0 {
		ms++
	}
	return ms
}
