// Package endpoint carries requests to function servers over HTTP and brings
// their responses back, as StateFun's two transports do.
//
// The primitive is one attempt: [Endpoint.Attempt] sends opaque bytes in a POST
// and returns the body of a response that is what the protocol asks for: 2xx,
// with the Content-Type application/octet-stream. Everything else is a
// [*Failure] that says what happened, whether the profile tries again, and
// whether the server was reached. Nothing is repeated here, with one exception:
// a kept-alive connection that turns out to be dead before the first byte of a
// response says nothing of the server, so the request goes out once more on
// another.
//
// When to try again is a pure kernel beside it, [Backoff]: it neither sleeps nor
// reads a clock.
//
// Two profiles exist. [Async] has its own HTTP/1.1 client, a connection of which
// takes a caller, two system calls and no goroutine, timer or allocation per request.
// [OkHTTP] goes through net/http, and so follows redirects and speaks HTTP/2
// where a server with TLS offers it.
//
// Invariants:
//   - A response is only taken from a connection that has no other request under
//     way, and a connection that has more bytes than its response is not used
//     again: responses cannot be mixed up.
//   - Everything that a server sends is bounded before it is kept: head, body,
//     chunk lines, trailers, and what comes out of decompression.
//   - Values of configured headers, queries and user information of URLs are in
//     no error.
//
// It knows nothing of messages, batches, addresses that wait, or YAML.
package endpoint
