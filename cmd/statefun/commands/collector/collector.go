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
// memory for more. Half of what the journal keeps so that reads are faster is allowed
// for, too: else collections would take the time that it saves. A program that has more
// alive, of its own, gets a quarter more than that.
const (
	resident = 400 << 20
	perGrain = 1408
	many     = 250_000
)

// residentRemote takes the place of resident where no function runs in the node. A
// message costs a request then, twenty times what it does in the node, and leaves
// little garbage for it: a collection or two a second are not felt, a quarter of the
// memory is. With more alive than half of it, such as a backlog, it is twice what
// lives, up to what others get.
const residentRemote = 80 << 20

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
// called: what a start reads of the log lives on. Then it may grow by another quarter
// before it is collected, so that the first messages do not wait for that. Starting
// does nothing without Tune, or where somebody else has set the limit.
func Starting() (started func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(-1) == math.MaxInt64 {
		return func() {}
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(3 * resident)
	return func() {
		debug.SetMemoryLimit(process.started(read("/memory/classes/heap/objects:bytes")))
		onCollection(func() { debug.SetGCPercent(percent) })
	}
}

// follower sets the memory limit after each collection.
type follower struct {
	mu     sync.Mutex
	node   Node // nil: there is none
	live   [recent]uint64
	cycles int
}

var process follower // the collector is the process's, too

// Node is what the memory of a process is for.
type Node interface {
	// LiveGrains is the number of grains in memory.
	LiveGrains() int64
	// CachedBytes is how much memory the journal could do without.
	CachedBytes() int64
	// OnlyRemote reports whether all functions run elsewhere. It does not change.
	OnlyRemote() bool
}

// Follow lets the memory be that of the node from now on, until undo is called.
func Follow(n Node) (undo func()) {
	process.follow(n)
	return func() { process.follow(nil) }
}

func (f *follower) follow(n Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.node = n
}

func limit() { debug.SetMemoryLimit(process.limit(read("/gc/heap/live:bytes"))) }

// read returns a metric of the runtime.
func read(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// started is limit after a start: what it has left is taken for alive until a
// collection tells, and that little was before means nothing.
func (f *follower) started(heap uint64) int64 {
	f.mu.Lock()
	f.cycles = 0
	f.mu.Unlock()
	return f.limit(heap)
}

// limit returns the memory limit after a collection that has left so much alive.
func (f *follower) limit(live uint64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[f.cycles%recent] = live
	f.cycles++
	base, grains := int64(resident), int64(0)
	if f.node != nil {
		grains = f.node.LiveGrains()
		if f.node.OnlyRemote() {
			base = residentRemote
		} else {
			base += f.node.CachedBytes() / 2
		}
	}
	return limitFor(slices.Min(f.live[:min(f.cycles, recent)]), base, grains)
}

func limitFor(live uint64, base, grains int64) int64 {
	forGrains := perGrain * (grains + max(0, grains-many))
	return max(base+forGrains, min(2*int64(live), resident+forGrains), int64(live)/4*5)
}

// afterCollection calls f after each garbage collection from now on.
func afterCollection(f func()) {
	onCollection(func() {
		f()
		afterCollection(f)
	})
}

// cycle dies with a collection.
type cycle struct{ f func() }

// onCollection calls f after the next garbage collection.
func onCollection(f func()) { runtime.SetFinalizer(&cycle{f}, func(c *cycle) { c.f() }) }
