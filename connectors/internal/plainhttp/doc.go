// Package plainhttp answers the requests that clients of an ingress make all the time,
// for less than half of what net/http takes: it starts no goroutine that watches the
// connection unless an answer takes long, sets no deadline for each request, and reads
// headers once that a client repeats.
//
// It is no second HTTP server. It takes a request only if all of it is there at once and
// nothing in it is unusual (the rules are those of head.go). Any other request, from its
// first byte on, goes to net/http together with its connection, and so does whatever
// follows on that connection. A client cannot tell which of the two has answered.
package plainhttp
