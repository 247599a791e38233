// Package statefun is a runtime for stateful functions: small pieces of logic,
// one instance per entity, each with durable state, all messaging each other
// exactly once.
//
// Functions are written with package functions. An App registers them and runs
// them on a node:
//
//	app := statefun.New(statefun.Config{Name: "greeter"})
//	app.Register(greeter)
//	statefun.Main(app)
//
// Main gives the program the whole command line (run, state, quarantine, bench,
// …). Programs that have a command line of their own call App.Run, or App.Start
// for a Node to send to; tests use NewHarness, which runs everything in memory.
//
// What a node promises, and how, is in docs/architecture.md.
package statefun
