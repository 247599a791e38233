// Package bench measures a node on the machine it runs on, and puts next to each
// figure the raw limit that was measured in the same run (package benchmarks).
//
//   - [Grains]: chains of messages between random grains, as [benchmarks.BareActors]
//     runs them between plain actors.
//   - [Latency]: calls of a grain through HTTP, at a fixed rate.
//
// [Command] is the command line around them. A node is whatever [StartNode]
// starts, in a directory of its own that is removed afterwards.
package bench
