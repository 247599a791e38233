// Package playground has the ingress and the egress of StateFun's playground:
// messages in and records out over plain HTTP, each on a port of its own. It is
// for trying things and for tests; what else a node does over HTTP is in package
// connectors/http.
//
// # Ingress
//
//	curl -X PUT -H "Content-Type: application/vnd.example/GreetRequest" \
//	     -d '{"name": "Bob"}' localhost:8090/example/person/Bob
//
// sends the body to /<namespace>/<function>/<id>, as a message of the type after
// "application/vnd.". Any other Content-Type gives a message of type
// io.statefun.types/string whose bytes are the body as it is, which is what
// StateFun does; none at all is refused. Every method that may have a body will
// do. A slash within a part of the path is written %2F. The answer is 200, without
// a body, once the message is durable. With an Idempotency-Key a request can be
// sent again without a second effect.
//
// # Egress
//
//	curl -X GET localhost:8091/greetings
//
// takes one payload from a topic, the oldest: 200 and its text. 204 says that the
// topic is empty now, 404 that there is no such topic. A function sends records of
// type io.statefun.playground/EgressRecord to io.statefun.playground/egress:
// {"topic": "greetings", "payload": "…"}.
//
// Records stay in the journal, through restarts, until a GET has been answered:
// one whose answer could not be written, or whose client was seen to go away, is
// answered to the next GET. So every record is handed over at least once, and in
// order within its topic. An answer counts as written when the operating system
// has taken all of it: what a client loses after that does not come again. Topics
// do not wait for each other, and what waits takes no memory; too much of it, all
// together, and the node refuses messages from outside (MaxBacklogBytes). What
// waits for a topic that is no longer in the module file stays, and comes when the
// topic is back.
//
// A record of another type, or for a topic that there is not, is logged, counted
// and set aside: GET /io.statefun/rejected takes the oldest of them, with the
// reason. StateFun's job fails.
//
// # What differs from StateFun's playground
//
// Answers have their real status (StateFun: always 200, the status in a header of
// that name). Errors are JSON: {"error": "what was expected and what was found"}.
// The servers listen on the loopback address unless told otherwise, and then only
// protected as Access says. A page of another site can use neither of them through
// its visitor's browser.
package playground
