package detection

import (
	"hash/fnv"
	"strconv"

	"github.com/statefun-go/statefun/functions"
)

// shards is the number of ledgers, and of models. A single one would have to take
// every transaction, one after the other.
const shards = 64

// LedgerOf is the address of the ledger that records a transaction.
func LedgerOf(transaction string) functions.Address { return Ledgers.At(shardOf(transaction)) }

// AllLedgers are the addresses of all ledgers. Who sums up their reports knows
// what happened to all transactions.
func AllLedgers() []functions.Address {
	out := make([]functions.Address, shards)
	for i := range out {
		out[i] = Ledgers.At(strconv.Itoa(i))
	}
	return out
}

// modelFor is one of the models.
func modelFor(transaction string) functions.Address { return Models.At(shardOf(transaction)) }

func shardOf(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return strconv.Itoa(int(h.Sum32() % shards))
}
