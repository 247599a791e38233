// Package environment is the one door between a node and the world: time,
// files, goroutines, the network and randomness enter through an Environment.
//
// Production passes Real; tests and the simulator pass a seeded one, in which a
// single goroutine runs every task in an order drawn from the seed and time is
// an event. Nothing below the command line reaches the world in another way.
//
// # Invariants
//
// Both environments keep these, and a task may rely on nothing more:
//
//   - Steps of one task do not overlap, except with a step that was abandoned.
//   - A Wake that happens after some work was published is followed by a step
//     that sees the work, unless the task is stopped. Wakes are not counted.
//   - After Stop has returned, no step runs but abandoned ones.
//   - After Abandon has returned, the old goroutine begins no step any more.
//
// A step must not wait for another task: in the simulation nothing else runs
// meanwhile. What has to wait for the world belongs into Dispatcher.Go.
package environment
