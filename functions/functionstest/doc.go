// Package functionstest runs a stateful function in a test: on messages, with
// given state and a clock of its own, so that its effects can be looked at.
//
//	k := functionstest.New(t, greeter)
//	seen.Set(k.At("alice"), 41)
//	eff := k.Invoke("alice", name.Of("Alice"))
//	// compare eff.Sent, eff.Egress, … and seen.Get(k.At("alice"))
//	eff = k.Advance(24 * time.Hour) // what was delayed arrives
//
// The [Kit] keeps a runtime's promises: an invocation that fails leaves nothing
// behind, state expires, delayed messages arrive in order of their due times,
// asynchronous work starts only after its invocation succeeded and sees its
// outcome lost in a [Kit.Crash]. It does not retry and has no limits of size;
// it keeps everything in memory and runs everything on the calling goroutine.
//
// It is not for testing several functions together, nor connectors: for that,
// run a whole node in memory.
package functionstest
