package tables

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay this seed alone")
	seedsFlag = flag.Int("seeds", 60, "number of seeds to run")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seeds calls f with each seed of this run, until one fails.
func seeds(t *testing.T, f func(t *testing.T, seed uint64)) {
	t.Helper()
	if *seedFlag != 0 {
		f(t, *seedFlag)
		return
	}
	n := *seedsFlag
	if testing.Short() {
		n = min(n, 20)
	}
	for seed := uint64(1); seed <= uint64(n) && !t.Failed(); seed++ {
		f(t, seed)
	}
}
