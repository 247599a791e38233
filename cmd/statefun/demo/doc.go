// Package demo is the command that shows what the runtime does: it starts a node
// with the fraud detection of examples/fraud, sends it a load of made-up card
// transactions through the node's own HTTP door, shows what happens, and in the
// end audits the books.
//
// # What is durable
//
// Everything of the node is in the data directory, and with it
//
//	DATA/alerts.jsonl   the egress fraud/alerts, by package connectors/file
//	DATA/demo.json      the seed, the accounts, and two positions of the generator
//
// A transaction is a pure function of the seed and its position. All before the
// position "settled" are known to be accepted; from "reserved" on none was ever
// sent. What is between them may or may not have been, when the demo was killed:
// the next one sends all of it again, each with the Idempotency-Key that it had.
// So a transaction is accepted once, whatever happens between sending it,
// accepting it and noting that; but "reserved" must be on the disk before the
// positions below it are used, which is done a window ahead.
//
// # The audit
//
// Three parties know of every transaction: this program, the ledgers (grains that
// record each verdict, and count those that come twice), and the file of alerts.
// The audit compares them transaction by transaction, not only their sums, so that
// one that was lost and one that came twice do not make up for each other. What
// others send to the node meanwhile is told apart by its id, and does not count.
package demo
