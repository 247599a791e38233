package bench

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
)

// resident is the memory of a process at a moment at which nothing is under way and
// garbage was given back.
type resident struct {
	process uint64 // as the kernel counts it, 0 if not known
	tables  uint64 // of that, memtables and block cache: bounded by configuration
}

func takeResident(e *actors.Engine) resident {
	debug.FreeOSMemory()
	return resident{benchmarks.ResidentBytes(), e.Metrics().Journal.Tables.MemoryBytes}
}

// perGrain is what each of n grains has cost since an earlier moment, 0 if that is
// not known.
func (r resident) perGrain(before resident, n int64) float64 {
	if r.process == 0 || n == 0 {
		return 0
	}
	grown := float64(r.process) - float64(before.process)
	tables := float64(r.tables) - float64(before.tables)
	return max(0, grown-tables) / float64(n)
}

// materialized waits until all that is durable is in the tables, so that the overlay
// holds no memory.
func materialized(ctx context.Context, e *actors.Engine) error {
	often := time.NewTicker(20 * time.Millisecond)
	defer often.Stop()
	for e.Metrics().Journal.OverlayBytes > 0 {
		select {
		case <-often.C:
		case err := <-e.Failed():
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
