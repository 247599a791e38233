// Package benchmarks measures the raw limits of a machine: what a runtime on it
// cannot exceed, however good it is.
//
//   - [BareActors] passes messages between plain Proto.Actor actors, nothing
//     durable: the limit of messaging.
//   - [JournalWrites] commits batches to a plain Pebble database with sync: the
//     limit of a naive durable store.
//   - [ValueWrites] writes large values to a plain Pebble database in order: the
//     limit of storing them by way of one.
//   - [BareHTTP] makes requests to a net/http server that does nothing, with a client
//     that does as little: the limit of taking messages by HTTP.
//   - [RemoteCalls] sends prepared requests to a function server, with a client that
//     does as little: the limit of calling remote functions.
//   - [FsyncLatency] appends to a file and syncs it: the limit of the disk, and
//     so the least that anything durable takes.
//   - [FileSystem] and [Machine] say what the figures were measured on.
//
// The figures are there to be compared with the runtime's own of the same run:
// machines differ by more than programs do. Every function takes what it needs
// to know as arguments, leaves nothing running and removes its files.
//
// It knows nothing of the runtime, and is not for measuring it.
package benchmarks
