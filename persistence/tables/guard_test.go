package tables

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fullDisk has no room for compactions until so many have failed.
type fullDisk struct {
	mu     sync.Mutex
	fail   int
	failed int
	pauses []int
	ended  chan error
}

func (d *fullDisk) Wrote(int64) {}

func (d *fullDisk) MayCompact(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed >= d.fail
}

func (d *fullDisk) Compacted(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed++
	}
	d.ended <- err
}

func (d *fullDisk) Retry(failures int) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pauses = append(d.pauses, failures)
	now := make(chan struct{})
	close(now)
	return now
}

// A compaction pauses once for each one in a row that failed, not for each of its
// files: with many it would take long to end, and hold the space of all.
func TestACompactionPausesOnce(t *testing.T) {
	t.Parallel()
	d := &fullDisk{fail: 3, ended: make(chan error, 100)}
	tables, err := OpenPebble(Options{FS: vfs.NewMem(), Dir: "/t", Disk: d})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	flush := func(keys int) {
		t.Helper()
		var b Batch
		for i := range keys {
			v := make([]byte, 64<<10)
			for j := range v {
				v[j] = byte(rng.Uint32())
			}
			b.Set(fmt.Appendf(nil, "%d-%d", i, rng.Uint64()), v)
		}
		if err := tables.Apply(&b); err != nil {
			t.Fatal(err)
		}
		if err := tables.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		flush(128)
	}
	for <-d.ended != nil {
		flush(1) // Pebble picks one
	}
	if n := tables.(*pebbleTables).db.Metrics().Levels[6].TablesCount; n < 3 {
		t.Errorf("all that is compacted fits into %d files", n)
	}
	if err := tables.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(d.pauses, []int{1, 2, 3}) {
		t.Errorf("pauses after %v failures", d.pauses)
	}
}
