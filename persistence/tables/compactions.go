package tables

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions lets Pebble compact, one compaction at a time, and none before begin.
//
// Pebble's own scheduler lets one run while Pebble opens, which then waits for its
// end: a start took longer the more was left to compact.
//
// mu comes after Pebble's mutex, so Pebble is only called without it. A compaction
// that was refused is remembered by Pebble and found by grant, which therefore looks
// again if one was refused while it looked.
type compactions struct {
	db pebble.DBForCompaction

	mu      sync.Mutex
	begun   bool
	ended   bool
	running bool // or about to be granted
	refused bool // since grant has looked

	granting sync.Mutex // held while Pebble is called
}

// begin allows compactions from now on.
func (c *compactions) begin() {
	c.mu.Lock()
	c.begun = true
	c.mu.Unlock()
	c.grant()
}

func (c *compactions) hasBegun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

// grant lets a compaction run that waits, if none is running.
func (c *compactions) grant() {
	c.granting.Lock()
	defer c.granting.Unlock()
	for c.take() {
		if waits, _ := c.db.GetWaitingCompaction(); waits && c.db.Schedule(c) {
			return
		}
		if !c.giveBack() {
			return
		}
	}
}

// take takes the place of the compaction that may run.
func (c *compactions) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun || c.ended || c.running {
		return false
	}
	c.running, c.refused = true, false
	return true
}

// giveBack is for a place that was not used. It reports whether somebody wants it.
func (c *compactions) giveBack() (wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
	return c.refused
}

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister implements pebble.CompactionScheduler. It waits until who calls Pebble is
// done.
func (c *compactions) Unregister() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.grant() // grants nothing any more
}

// TrySchedule implements pebble.CompactionScheduler.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun || c.ended || c.running {
		c.refused = true
		return false, nil
	}
	c.running = true
	return true, c
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler. One is
// always allowed.
func (*compactions) UpdateGetAllowedWithoutPermission() {}

// Started implements pebble.CompactionGrantHandle.
func (*compactions) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (*compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (*compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done implements pebble.CompactionGrantHandle.
func (c *compactions) Done() {
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
	c.grant()
}
