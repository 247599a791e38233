package persistence

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	rewrite  = flag.Bool("rewrite", false, "write the golden files anew")
	seedFlag = flag.Uint64("seed", 0, "replay this seed alone")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
