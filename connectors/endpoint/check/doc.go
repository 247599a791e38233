// Package check looks at a function server from outside: it speaks the protocol to
// it as the runtime would, and says in words what is wrong and what to do about it.
//
// [Run] goes through a list of checks, each of which comes to a [Finding]. They have
// three parts: whether the server can be reached (name, connection, TLS); what it
// answers to requests that reach no function; and, if a function is named, the
// conversation with it: handshake, states, effects, several messages in one request.
//
// # What is sent
//
//   - Without a function: GET, and requests for the function type [UnknownFunction],
//     which no server has. A server that does not look at the type of the target
//     takes them for a message all the same.
//   - With a function, but no message: also requests for it without an invocation,
//     which the runtime never sends. The official SDKs answer them with the states
//     that they miss, and call nothing.
//   - With a message: the function is invoked with it [Invocations] times. The states
//     are those that the check sends along: it keeps the effects of an answer for the
//     next request, and then forgets them. Messages and egress records go nowhere. What
//     the function does beside, such as calls to other services, it does.
//
// # What it is not for
//
// It is no test of a function, nor of load. It says nothing of what a function should
// have done, only of what no runtime could carry out.
package check
