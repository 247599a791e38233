// Package remote serves stateful functions over HTTP, to a runtime elsewhere: this
// project's or Apache Flink Stateful Functions 3.x. The functions are the same
// values that run in a node's process.
//
//	handler, err := remote.NewHandler(remote.Options{}, greeter, counter)
//	// …
//	http.ListenAndServe("localhost:8000", handler)
//
// In module.yaml, the runtime is told where they are:
//
//	kind: io.statefun.endpoints.v2/http
//	spec:
//	  functions: example/*
//	  urlPathTemplate: http://localhost:8000/statefun
//
// The handler keeps nothing between requests: the runtime sends the state along,
// and applies what comes back, all of a request's effects or none. So any number of
// processes may serve the same functions.
//
// # What is different from a node's process
//
//   - Only states of single values exist. A list, a map and asynchronous work are
//     errors of [NewHandler], or of the invocation that first shows them.
//   - An invocation may run again although it succeeded, if its answer was lost. Its
//     effects count once.
//   - Several messages to one address may come in one request. If one of them fails,
//     none has happened; the runtime finds out which it was. This package says so in
//     a header ([protocol.HeaderFailedInvocation]), which StateFun does not know.
//   - How often a message is tried is the runtime's decision.
//     [functions.Function.MaxAttempts] and [functions.Permanent] go to it in headers,
//     which StateFun does not know: it tries again.
//   - [functions.Function.Deadline] ends the Context; what the invocation did by then
//     or later is discarded once it returns. Without one, the Context ends when the
//     runtime gives the request up.
//   - [functions.Function.Blocking] has no meaning: each request has its own
//     goroutine.
//   - A state that [functions.Context.Register] declares reads as absent at first;
//     then the runtime is asked for it, what the invocations did is discarded, and
//     they run again with it. A state that the runtime has sent may be used without
//     being declared.
//   - Whether a target or an egress exists is the runtime's to know. The same goes for
//     a cancel token that is pending since an earlier request.
//   - [functions.Context.Count] goes to [Options.Count].
//
// # Invariants
//
//   - A failed invocation, also by a panic or runtime.Goexit, is an answer of 500 with
//     the reason, never the end of the process.
//   - No answer has effects of a batch of which one invocation failed.
//
// # What it is not for
//
// It does not run a server: addresses, TLS and time-outs are those of the
// http.Server that the handler is given to.
package remote
