package persistence

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	rewrite   = flag.Bool("rewrite", false, "write the golden files anew")
	seedFlag  = flag.Uint64("seed", 0, "replay this seed alone")
	seedsFlag = flag.Int("seeds", 100, "number of seeds to simulate")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachSeed calls f with each seed of this run, until one fails.
func eachSeed(t *testing.T, share int, f func(t *testing.T, seed uint64)) {
	t.Helper()
	if *seedFlag != 0 {
		f(t, *seedFlag)
		return
	}
	n := max(1, *seedsFlag/share)
	if testing.Short() {
		n = max(1, n/5)
	}
	for seed := uint64(1); seed <= uint64(n) && !t.Failed(); seed++ {
		f(t, seed)
	}
}
