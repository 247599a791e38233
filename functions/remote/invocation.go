package remote

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// invocation is one run of a function on one message, and the functions.Driver of
// that run. What it does collects in its batch.
type invocation struct {
	context.Context //nolint:containedctx // a Driver is a context.Context, for one invocation
	batch           *batch
	caller          functions.Address
	failure         error
}

var _ functions.Driver = (*invocation)(nil)

// from sets the caller. One that is present but empty is none.
func (inv *invocation) from(caller functions.Address) error {
	if caller.IsZero() || caller == (functions.Address{Type: "/"}) {
		return nil
	}
	if err := caller.Validate(); err != nil {
		return fmt.Errorf("remote: caller: %w", err)
	}
	inv.caller = caller
	return nil
}

// Self implements functions.Driver.
func (inv *invocation) Self() functions.Address { return inv.batch.self }

// Caller implements functions.Driver.
func (inv *invocation) Caller() functions.Address { return inv.caller }

// Send implements functions.Driver.
func (inv *invocation) Send(to functions.Address, m functions.Message) {
	r := &inv.batch.response
	r.OutgoingMessages = append(r.OutgoingMessages, protocol.OutgoingMessage{Target: to, Argument: argument(m)})
}

// SendAfter implements functions.Driver.
func (inv *invocation) SendAfter(delay time.Duration, to functions.Address, m functions.Message, token string) {
	b := inv.batch
	if token != "" {
		if b.tokens[token] {
			inv.Fail(fmt.Errorf("remote: a delayed message with cancel token %q is already pending", token))
			return
		}
		if b.tokens == nil {
			b.tokens = map[string]bool{}
		}
		b.tokens[token] = true
	}
	b.response.DelayedInvocations = append(b.response.DelayedInvocations, protocol.DelayedInvocation{
		DelayMillis: milliseconds(delay), Target: to, Argument: argument(m), CancellationToken: token,
	})
}

// Cancel implements functions.Driver.
func (inv *invocation) Cancel(token string) {
	b := inv.batch
	delete(b.tokens, token)
	b.response.DelayedInvocations = append(b.response.DelayedInvocations, protocol.DelayedInvocation{
		IsCancellation: true, CancellationToken: token,
	})
}

// Egress implements functions.Driver.
func (inv *invocation) Egress(id functions.TypeName, m functions.Message) {
	r := &inv.batch.response
	r.OutgoingEgresses = append(r.OutgoingEgresses, protocol.EgressMessage{Egress: id, Argument: argument(m)})
}

func argument(m functions.Message) protocol.TypedValue { return protocol.ValueOf(m.Type, m.Value) }

// Logger implements functions.Driver.
func (inv *invocation) Logger() *slog.Logger { return inv.batch.logger() }

// Count implements functions.Driver.
func (inv *invocation) Count(name string, delta int64) {
	inv.batch.handler.options.Count(inv.batch.fn.Type, name, delta)
}

// Fail implements functions.Driver.
func (inv *invocation) Fail(err error) {
	if inv.failure == nil {
		inv.failure = err
	}
}

// What does not exist in the protocol fails the invocation.

// StartAsync implements functions.Driver.
func (inv *invocation) StartAsync(name string, _ functions.Message, _ functions.AsyncWork) {
	inv.Fail(functions.Permanent(fmt.Errorf("remote: %w", asyncImpossible(name))))
}

func (inv *invocation) onlyValues(spec *functions.StateSpec) {
	inv.Fail(functions.Permanent(fmt.Errorf("remote: %w", onlyValues(spec))))
}

// ListLen implements functions.Driver.
func (inv *invocation) ListLen(spec *functions.StateSpec) int {
	inv.onlyValues(spec)
	return 0
}

// ListEntries implements functions.Driver.
func (inv *invocation) ListEntries(spec *functions.StateSpec) iter.Seq2[int, []byte] {
	inv.onlyValues(spec)
	return func(func(int, []byte) bool) {}
}

// ListAppend implements functions.Driver.
func (inv *invocation) ListAppend(spec *functions.StateSpec, _ []byte) { inv.onlyValues(spec) }

// ListDropFirst implements functions.Driver.
func (inv *invocation) ListDropFirst(spec *functions.StateSpec, _ int) { inv.onlyValues(spec) }

// ListClear implements functions.Driver.
func (inv *invocation) ListClear(spec *functions.StateSpec) { inv.onlyValues(spec) }

// MapEntry implements functions.Driver.
func (inv *invocation) MapEntry(spec *functions.StateSpec, _ string) ([]byte, bool) {
	inv.onlyValues(spec)
	return nil, false
}

// MapEntries implements functions.Driver.
func (inv *invocation) MapEntries(spec *functions.StateSpec) iter.Seq2[string, []byte] {
	inv.onlyValues(spec)
	return func(func(string, []byte) bool) {}
}

// MapSet implements functions.Driver.
func (inv *invocation) MapSet(spec *functions.StateSpec, _ string, _ []byte) { inv.onlyValues(spec) }

// MapDelete implements functions.Driver.
func (inv *invocation) MapDelete(spec *functions.StateSpec, _ string) { inv.onlyValues(spec) }

// MapClear implements functions.Driver.
func (inv *invocation) MapClear(spec *functions.StateSpec) { inv.onlyValues(spec) }
