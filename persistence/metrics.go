package persistence

import (
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/persistence/tables"
)

type metrics struct {
	batches, logBytes, messages, elided, materializations atomic.Uint64
	syncNanos, materializeNanos                           atomic.Int64
}

// Metrics are totals since the journal was opened, and present sizes in bytes.
type Metrics struct {
	Batches          uint64
	LogBytesWritten  uint64
	MessagesSent     uint64
	MessagesElided   uint64 // sent and consumed within one batch, never written
	Materializations uint64
	LastSync         time.Duration // sealing to durable, of the last batch
	LastMaterialize  time.Duration
	LogBytes         int64          // of the log now
	OverlayBytes     int64          // of log that is not in the tables
	Tables           tables.Metrics // with the records of theirs that the overlay keeps in memory
	Space            Space
}

// CachedBytes is how much memory is kept so that records are found sooner than in the
// tables.
func (j *Journal) CachedBytes() int64 { return int64(j.overlay.cached()) }

// Metrics may be called at any time.
func (j *Journal) Metrics() Metrics {
	t := j.tables.Metrics()
	t.MemoryBytes += uint64(j.CachedBytes()) //nolint:gosec // not negative
	return Metrics{
		Batches:          j.metrics.batches.Load(),
		LogBytesWritten:  j.metrics.logBytes.Load(),
		MessagesSent:     j.metrics.messages.Load(),
		MessagesElided:   j.metrics.elided.Load(),
		Materializations: j.metrics.materializations.Load(),
		LastSync:         time.Duration(j.metrics.syncNanos.Load()),
		LastMaterialize:  time.Duration(j.metrics.materializeNanos.Load()),
		LogBytes:         j.log.Size(),
		OverlayBytes:     j.overlay.size(),
		Tables:           t,
		Space:            j.Space(),
	}
}
