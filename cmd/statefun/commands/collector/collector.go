// Package collector sets up the garbage collector for processes that run a node.
package collector

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// percent lets the heap grow to five times what lives in it before the garbage
// collector runs. What lives is bounded by the configuration and small, a few
// hundred bytes per live grain; what is thrown away comes at the rate of messages.
// With Go's default of 100 a node with few grains would collect dozens of times a
// second, for memory that nobody lacks.
const percent = 400

// As the heap nears resident, collections become more frequent instead, until
// they would take too much time: then it may grow beyond. Who has so many live
// grains that they are large alone has memory for more.
const (
	resident = 400 << 20
	slack    = 220 << 20
	large    = 350 << 20
)

// Tune sets up the collector, unless whoever started the process has done so
// with GOGC or GOMEMLIMIT.
func Tune() {
	if os.Getenv("GOGC") != "" {
		return
	}
	if os.Getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		debug.SetGCPercent(percent)
		return
	}
	debug.SetGCPercent(percent)
	limit()
	afterCollection(limit)
}

// Starting lets the heap grow to three times the usual until what it returns is
// called: what a start reads of the log lives on. It does nothing without Tune.
func Starting() (started func()) {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) == math.MaxInt64 {
		return func() {}
	}
	before := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(3 * resident)
	return func() {
		debug.SetGCPercent(before)
		limit()
	}
}

// limit follows what lives on the heap with the memory limit.
func limit() {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	debug.SetMemoryLimit(limitFor(s[0].Value.Uint64()))
}

func limitFor(live uint64) int64 {
	l := int64(live)
	return max(resident, 2*l-slack+2*max(0, l-large))
}

// cycle dies with every collection.
type cycle struct{ f func() }

// afterCollection calls f after each garbage collection from now on.
func afterCollection(f func()) { (&cycle{f}).arm() }

func (c *cycle) arm() {
	runtime.SetFinalizer(c, func(c *cycle) {
		c.f()
		c.arm()
	})
}
