// Package hop is the function behind HTTP that `bench remote` measures, and the
// server around it.
//
// A chain is a message that goes from one random address to the next. Each address
// adds one to its state and passes the message on, until the hops are used up; then
// the last address sends the message to an egress.
//
// The function is here twice: with this project's SDK ([Function]), and, in the
// program statefun only, with StateFun's own (package officialserver). [Next] is what
// both do with a message. A server in any language may take their place: what it must
// do is told by [Type], [State], [Payload] and [Chain].
package hop
