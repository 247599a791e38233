package tables

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// compactedDisk counts compactions.
type compactedDisk struct {
	fullDisk
	ended chan error
}

func (*compactedDisk) MayCompact(int64) bool { return true }
func (d *compactedDisk) Compacted(err error) { d.ended <- err }

func overlapping(t *testing.T, tables Tables, flushes int) {
	t.Helper()
	for i := range flushes {
		var b Batch
		for k := range 100 {
			b.Set(fmt.Append(nil, k), fmt.Append(nil, i))
		}
		if err := tables.Apply(&b); err != nil {
			t.Fatal(err)
		}
		if err := tables.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

// What is left to compact waits until the start is through: Open waits for none. It is
// through when somebody says so, or writes.
func TestCompactionsBeginLater(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T, *pebbleTables){
		"told": func(_ *testing.T, p *pebbleTables) {
			var begun sync.WaitGroup
			for range 3 { // more than once does no harm
				begun.Go(p.BeginCompactions)
			}
			begun.Wait()
		},
		"written": func(t *testing.T, p *pebbleTables) {
			var b Batch
			b.Set([]byte("key"), nil)
			if err := p.Apply(&b); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compactionsBeginLater(t, begin)
		})
	}
}

func compactionsBeginLater(t *testing.T, begin func(*testing.T, *pebbleTables)) {
	fs := vfs.NewMem()
	open := func() (*pebbleTables, *compactedDisk) {
		d := &compactedDisk{ended: make(chan error, 100)}
		tables, err := OpenPebble(Options{FS: fs, Dir: "/t", Disk: d, CompactLater: true})
		if err != nil {
			t.Fatal(err)
		}
		return tables.(*pebbleTables), d
	}
	closed := func(tables *pebbleTables) {
		if err := tables.Close(); err != nil {
			t.Error(err)
		}
	}
	first, d := open()
	first.compactions.ended = true // what it writes is left to the next one
	overlapping(t, first, 10)
	closed(first)
	second, d2 := open()
	if n := len(d.ended) + len(d2.ended); n > 0 {
		t.Errorf("%d compactions before they were to begin", n)
	}
	begin(t, second)
	if err := <-d2.ended; err != nil {
		t.Error(err)
	}
	if second.Behind() {
		t.Error("compactions are behind")
	}
	closed(second)
	second.BeginCompactions() // nor too late
}

// A compaction that was refused because another one ran follows it.
func TestCompactionsFollowEachOther(t *testing.T) {
	t.Parallel()
	d := &compactedDisk{ended: make(chan error, 1000)}
	tables, err := OpenPebble(Options{FS: vfs.NewMem(), Dir: "/t", Disk: d, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	overlapping(t, tables, 50)
	for tables.(*pebbleTables).db.Metrics().Levels[0].Sublevels >= 4 {
		if err := <-d.ended; err != nil {
			t.Fatal(err)
		}
	}
	if err := tables.Close(); err != nil {
		t.Error(err)
	}
}
