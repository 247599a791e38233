package check

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/statefun-go/statefun/functions/protocol"
)

// largeRequest is the size of a request that servers should take. It is above the
// limit that aiohttp has by default.
const largeRequest = 2 << 20

// unasked makes the requests that reach no function. It reports whether the server
// speaks HTTP.
func (c *checker) unasked(ctx context.Context, to *client) bool {
	first := to.do(ctx, http.MethodPost, unknownRequest(32))
	if ctx.Err() != nil {
		return false
	}
	if first.err != nil && first.status == 0 {
		f := noAnswer(first.err)
		c.timed(Finding{Check: "post", Outcome: Failed, What: f.what, Advice: f.advice}, first)
		return false
	}
	c.report.Reached = true
	c.unknown(first, to)
	again := to.do(ctx, http.MethodPost, unknownRequest(32))
	c.keepAlive(first, again)
	large := to.do(ctx, http.MethodPost, unknownRequest(largeRequest))
	get := to.do(ctx, http.MethodGet, nil)
	if ctx.Err() != nil {
		return false
	}
	c.large(first, large)
	c.get(get)
	return true
}

// unknownRequest is a request of at least size bytes for a function that is not there.
func unknownRequest(size int) []byte {
	m := protocol.ToFunction{Invocation: protocol.InvocationBatchRequest{
		Target:      UnknownFunction.At("check"),
		Invocations: []protocol.Invocation{{Argument: protocol.TypedValue{Typename: "statefun.check/bytes", HasValue: true, Value: bytes.Repeat([]byte{'x'}, size)}}},
	}}
	return m.Append(nil)
}

// unknown judges the answer to a request for a function that is not there: it must be
// a failure, or messages to misspelled names are lost.
func (c *checker) unknown(r *reply, to *client) {
	const check = "unknown function"
	template := strings.Contains(c.options.Endpoint.URL, "{function.name}")
	_, f := judge(to.door, r)
	switch {
	case f == nil:
		c.timed(Finding{Check: check, Outcome: Failed, What: fmt.Sprintf("a message for the function type %s, which cannot be here, is answered as a success", UnknownFunction),
			Advice: "answer 500 when the type of the target is unknown, as the official SDKs do: else messages to a misspelled name are lost without a trace"}, r)
	case r.status/100 == 2 && !isOctets(r.header):
		c.timed(Finding{Check: check, Outcome: Note, What: f.what, Advice: "the runtime tries again, which is right for a type that is unknown; a status of 500 with a text would say why"}, r)
	case r.status/100 == 2:
		c.timed(Finding{Check: check, Outcome: Failed, What: f.what, Advice: f.advice}, r)
	case r.status == http.StatusNotFound && template:
		c.timed(Finding{Check: check, Outcome: OK, What: fmt.Sprintf("refused with %d: there is no such path", r.status)}, r)
	case r.status == http.StatusBadRequest && f.advice == statusAdvice(&reply{}), r.status == http.StatusInternalServerError, r.status == http.StatusNotImplemented:
		c.timed(Finding{Check: check, Outcome: OK, What: fmt.Sprintf("a message for a function type that is not there is refused, with %d%s", r.status, said(to.door, r))}, r)
	default:
		// This speaks of the URL rather than of the function.
		c.timed(Finding{Check: "post", Outcome: Failed, What: f.what, Advice: f.advice}, r)
	}
}

func (c *checker) keepAlive(first, again *reply) {
	const check = "keep-alive"
	switch {
	case again.err != nil && again.status == 0:
		c.failed(check, "a second request on the same connection had no answer: "+again.err.Error(),
			"answer, or close the connection with the header Connection: close")
	case again.reused:
		c.ok(check, "the connection is used again: %.1f ms, after %.1f ms with connecting", ms(again), ms(first))
	case c.options.Function == "":
		c.note(check, "the server closes the connection after it has refused a request", "many do so after errors; --function shows whether it keeps connections otherwise")
	default:
		c.closes = true // perhaps only after errors: the conversation will show
	}
}

func ms(r *reply) float64 { return float64(r.took.Microseconds()) / 1000 }

// large judges the answer to a large request, which should be as that to a small one.
func (c *checker) large(small, large *reply) {
	const check = "size"
	f := Finding{Check: check, Outcome: OK, What: "a request of 2 MiB is taken"}
	switch {
	case large.status == http.StatusRequestEntityTooLarge:
		f.Outcome, f.What = Note, "a request of 2 MiB is refused with 413: the runtime halves batches then, but a message or state above the limit can never be sent"
		f.Advice = "raise the server's limit (aiohttp: web.Application(client_max_size=32 * 1024 * 1024); nginx: client_max_body_size), " +
			"or let the runtime split batches before: maxBatchBytes in the endpoint"
	case large.err != nil && large.status == 0:
		f.Outcome, f.What = Failed, "no answer to a request of 2 MiB: "+clipped(large.err.Error())
		f.Advice = "read the body to its end; a limit should be answered with 413, on which the runtime sends less"
	case large.status != small.status:
		f.Outcome, f.What = Failed, fmt.Sprintf("a request of 2 MiB is answered with %d, a small one with %d", large.status, small.status)
		f.Advice = "take larger requests, or refuse them with 413, on which the runtime sends less"
	}
	c.timed(f, large)
}

func (c *checker) get(r *reply) {
	const check = "get"
	switch {
	case r.err != nil && r.status == 0:
		c.failed(check, "no answer to a GET: "+clipped(r.err.Error()), "answer 405: monitoring and people in browsers send GETs")
	case r.status/100 == 2:
		c.note(check, fmt.Sprintf("a GET is answered with %d%s", r.status, guess(r.body).looksLike()), "the runtime sends POSTs only; check that this is the function server")
	default:
		c.ok(check, "a GET is refused, with %d", r.status)
	}
}
