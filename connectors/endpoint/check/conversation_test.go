package check_test

import (
	"strconv"
	"testing"

	"github.com/statefun-go/statefun/connectors/endpoint/check"
	"github.com/statefun-go/statefun/functions/protocol"
)

// COMPAT 7
func TestHandshake(t *testing.T) {
	t.Parallel()
	incomplete := func(specs ...protocol.PersistedValueSpec) protocol.FromFunction {
		return protocol.FromFunction{IncompleteInvocationContext: protocol.IncompleteInvocationContext{Present: true, MissingValues: specs}}
	}
	always := func(m protocol.FromFunction) *server {
		return &server{answer: func(*protocol.InvocationBatchRequest) protocol.FromFunction { return m }}
	}
	want(t, run(t, start(t, always(incomplete(seenSpec()...)))), check.Failed, "handshake", "misses the state seen, which the request had", "absent")
	want(t, run(t, start(t, always(incomplete()))), check.Failed, "handshake", "misses nothing")
	more := &server{answer: func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		return incomplete(protocol.PersistedValueSpec{StateName: strconv.Itoa(len(q.State)), TypeTypename: textType})
	}}
	want(t, run(t, start(t, more)), check.Failed, "handshake", "after 10 requests")
	// COMPAT 38
	want(t, run(t, start(t, always(protocol.FromFunction{}))), check.OK, "effects", "no effects")
	late := &server{}
	late.answer = func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		if len(q.State) > 0 && q.State[0].StateValue.HasValue {
			return incomplete(protocol.PersistedValueSpec{StateName: "late", TypeTypename: textType})
		}
		good := server{}
		return good.respond(q)
	}
	want(t, run(t, start(t, late)), check.Note, "states", "one more state later: late")
}

// COMPAT 19
func TestBatch(t *testing.T) {
	t.Parallel()
	first := &server{}
	first.answer = func(q *protocol.InvocationBatchRequest) protocol.FromFunction {
		good := server{}
		q.Invocations = q.Invocations[:1]
		return good.respond(q)
	}
	want(t, run(t, start(t, first)), check.Failed, "batch", "the same as one message: the others are lost")
	spoilt := func(f func(*protocol.InvocationResponse)) *server {
		return &server{spoil: func(r *protocol.InvocationResponse) {
			if len(r.OutgoingMessages) > 1 {
				f(r)
			}
		}}
	}
	want(t, run(t, start(t, spoilt(func(r *protocol.InvocationResponse) { r.StateMutations[0].StateValue.Value = []byte("?") }))),
		check.Note, "batch", "leave another state seen")
	want(t, run(t, start(t, spoilt(func(r *protocol.InvocationResponse) {
		r.OutgoingMessages[0], r.OutgoingMessages[1] = r.OutgoingMessages[1], r.OutgoingMessages[0]
	}))),
		check.Note, "batch", "send other messages")
}
