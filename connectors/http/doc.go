// Package http is a node's HTTP door: messages come in, state and quarantine
// can be looked at, and what runs the node finds its health and metrics.
//
// # Messages
//
//	PUT or POST /<namespace>/<type>/<id>
//	Content-Type: application/vnd.<typename>
//
// sends the body as a message of that type and answers 202 once it is durable.
// The id is everything after the type, slashes included; whatever a URL gives
// another meaning is percent-encoded, and an encoded slash is a slash of the id.
// A typename has a slash, which media types do not allow: here it may, and a
// semicolon ends it. "application/json" will do where the function handles
// exactly one JSON type.
//
// With ?call the answer is the function's first reply: 200, the reply's bytes,
// and its type as Content-Type; with "Accept: application/json" as JSON, if it
// can be shown so. ?timeout=5s is how long to wait for it: 504 then, and the
// message stays accepted. 500 says that the message was quarantined, and why.
//
// With an Idempotency-Key a request can be sent again without a second effect:
// it is answered as the first one. 422 if the two differ.
//
// # State
//
//	GET /<namespace>/<type>/<id>/state          names, types, kinds and sizes
//	GET /<namespace>/<type>/<id>/state/<name>   one of them
//
// shows what is durable. A value comes as its bytes with its type, or as JSON
// with "Accept: application/json" ({"base64": "…"} if its type is unknown);
// lists and maps come as JSON arrays and objects. In a GET the last "/state" of
// the path is this word, and what is before it is the id; an id or a name that
// has it at its end is written with one of its letters or slashes encoded.
//
// # The node
//
//	GET    /healthz  /readyz  /metrics
//	GET    /io.statefun/status
//	GET    /io.statefun/quarantine?function=&limit=
//	GET    /io.statefun/quarantine/<sequence>?address=
//	POST   /io.statefun/quarantine/<sequence>/retry?address=
//	DELETE /io.statefun/quarantine/<sequence>?address=
//	POST   /io.statefun/purge     {"address": "a/b/c"} or {"type": "a/b"}, "dry_run": true
//
// Every error is a JSON object: {"error": "what was expected and what was found"}.
//
// # Who is let in
//
// On a loopback address whoever can reach it, except through a browser that was
// lured: a Host that is not the machine itself, and a write that comes from
// another site's page, are refused. On any other address the server starts only
// with TLS, with a token, or when told that this is not wanted (Access).
package http
