package commands

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow to five times what lives in it before the garbage
// collector runs. What lives is bounded by the configuration and small, a few
// hundred bytes per live grain; what is thrown away comes at the rate of messages.
// With Go's default of 100 a node with few grains would collect dozens of times a
// second, for memory that nobody lacks.
const gcPercent = 400

// tuneCollector applies gcPercent, unless whoever started the process has chosen
// otherwise with GOGC. A limit set with GOMEMLIMIT holds all the same.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
