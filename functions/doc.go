// Package functions is what authors of stateful functions import.
//
// A stateful function is logic with one instance per address: a function type,
// such as "fraud/count", and an id, such as an account number. Each instance has
// durable state of its own, which it reads and writes like variables, and may
// send messages to any other address or to an egress. An author declares
//
//   - types ([JSON], [Proto], [Long], [NewType] …): how values become messages;
//   - states ([Value], [List], [Map]), once, in package-level variables;
//   - a [Function]: its type name, its states, and a handler ([On]) for each
//     type of message that it understands.
//
// A handler runs once per message, one message at a time for each address, with
// a [Context]. What it does there is one transaction: state writes, messages,
// delayed messages and egress records become visible together once the handler
// has returned nil, and not at all if it returns an error or panics. A failed
// message is tried again later, and set aside ("quarantined") when it keeps
// failing; an error marked with [Permanent] sets it aside at once.
//
// # Invariants
//
//   - A function sees only its Context and its states, never the runtime. The
//     same Function runs in a node's process, behind HTTP, and in the test kit.
//   - Every bad argument is an error of the invocation that passed it. Nothing
//     in this package panics on what an author passes at run time.
//   - Encodings are stable: the built-in types are those of Apache Flink
//     Stateful Functions, byte for byte.
//
// # What it is not for
//
// It runs nothing: that is the business of a [Driver], of which authors never
// hear. To try a function in a test, use package functionstest.
package functions
