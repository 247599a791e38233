// Package bench measures a node on the machine it runs on, and puts next to each
// figure the raw limit that was measured in the same run (package benchmarks).
//
//   - [Grains]: chains of messages between random grains, as [benchmarks.BareActors]
//     runs them between plain actors.
//   - [Latency]: calls of a grain through HTTP, at a fixed rate.
//   - [ColdReport], [TimersReport], [SendsReport], [HotReport], [ValuesReport] and
//     [CoresReport] say what else is measured, each in the file of its name.
//
// What is measured checks itself: durable states must add up to what was sent. A
// [Limit] holds a figure against its floor and its aim.
//
// [Command] is the command line around them. A node is whatever [StartNode]
// starts, in a directory of its own that is removed afterwards.
package bench
