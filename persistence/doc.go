// Package persistence owns a node's journal: the ordered, durable record of
// transactions, and everything that is kept on disk.
//
// # The way of a transaction
//
//	Shard.Append ─► open batch ─► seal ─► one log record ─► sync ─► overlay ─► released
//	                                                                  │
//	                                                    materializer ─┴─► tables
//
// A transaction is placed in its shard's part of the open batch under one short
// lock; before the lock is released its local messages are delivered. Sealing
// takes the locks of all shards at once. Hence law 1: no transaction lands in an
// earlier batch than what caused it, and every prefix of the log is consistent.
//
// The committer seals, encodes, writes and syncs one batch after the other, and
// only then runs what waited for it. Hence law 2: nothing leaves before it is
// durable. While it syncs, the next batch fills.
//
// # What is where
//
// A record is all that an address is: how far its inbox is consumed and the
// values of its states. Everything else (timers, list entries, queued egress
// records, …) is a row, one key per thing. Messages that one batch both sends
// and consumes are never written.
//
// Durable changes sit in the overlay, in two generations: the active one takes
// new batches, the frozen one is being written into the tables. The records of the
// last ones that were written stay in memory, settled. A read looks into the active
// one, the frozen one, the settled records and the tables, in this order.
//
// Invariants of the tables at marker N:
//   - every record and row is as batch N left it;
//   - every message sent by a batch at or before N and not consumed by one is in
//     an inbox chunk;
//   - an inbox chunk may hold messages that are consumed, then the record's
//     consumed-to says so, and the record exists;
//   - an inbox chunk may be ahead of the marker (spilled): the log has its
//     messages too, and a message known twice is one message by its sequence.
//
// This package is not for deciding who runs when: that is package actors.
package persistence
