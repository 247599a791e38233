// Package programs makes random programs of stateful functions, and knows what
// must come of them: for tests of runtimes that crash, reorder and retry.
//
// A Generator draws programs, a World is the model of what they end in, and
// Functions interprets them. Where the test shares the process with the runtime,
// as a simulation does, a Book carries the programs, and a Machine offers what
// the interpreter cannot know by itself: how to pause, what the clock has shown.
package programs
