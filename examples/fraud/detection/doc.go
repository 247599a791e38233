// Package detection finds fraud in card transactions with five stateful
// functions. The README one directory up explains them in pictures.
//
//	fraud/transaction  one per transaction: collects what is known, decides
//	fraud/count        one per account:     confirmed frauds of the last 30 days
//	fraud/merchant     one per merchant:    its score, asked from a third party
//	fraud/model        a few:               how probable fraud is
//	fraud/ledger       64:                  what was decided, once and for all
//
// [New] makes them. In come a [Transaction] at its own id and a [Confirmation] at
// the account's; out go an [Alert] to the egress [Alerts], and a [Verdict] as the
// reply to whoever sent the transaction and waits.
//
// The package has no state of its own, and knows nothing of the runtime.
package detection
