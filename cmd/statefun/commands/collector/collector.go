// Package collector sets up the garbage collector for processes that run a node.
package collector

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
)

// percent lets the heap grow to five times what lives in it before the garbage
// collector runs. What lives is bounded by the configuration and small, a few
// hundred bytes per live grain; what is thrown away comes at the rate of messages.
// With Go's default of 100 a node with few grains would collect dozens of times a
// second, for memory that nobody lacks.
const percent = 400

// As the memory nears what it may take, collections become more frequent instead,
// until they would take too much time: then it may grow beyond. It may take resident,
// and what live grains take; twice that for those above many: who has so many has
// memory for more. A program that has more alive, of its own, gets a quarter more
// than that.
const (
	resident = 400 << 20
	perGrain = 1408
	many     = 250_000
)

// recent is of how many collections the one counts that left least alive: what was
// allocated while a collection ran counts as alive in it.
const recent = 8

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

// follower sets the memory limit after each collection.
type follower struct {
	mu     sync.Mutex
	grains func() int64 // nil: there is no node
	live   [recent]uint64
	cycles int
}

var process follower // the collector is the process's, too

// Follow tells the number of live grains from now on, until undo is called.
func Follow(grains func() int64) (undo func()) {
	process.follow(grains)
	return func() { process.follow(nil) }
}

func (f *follower) follow(grains func() int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grains = grains
}

func limit() { debug.SetMemoryLimit(process.limit()) }

func (f *follower) limit() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[f.cycles%recent] = s[0].Value.Uint64()
	f.cycles++
	grains := int64(0)
	if f.grains != nil {
		grains = f.grains()
	}
	return limitFor(slices.Min(f.live[:min(f.cycles, recent)]), grains)
}

func limitFor(live uint64, grains int64) int64 {
	return max(resident+perGrain*(grains+max(0, grains-many)), int64(live)/4*5)
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
