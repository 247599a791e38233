package wal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func noUnsynced() vfs.CrashCloneCfg { return vfs.CrashCloneCfg{} }

// A crashRun appends, syncs, drops, loses power and opens again, over and over.
type crashRun struct {
	*bench
	rng    *rand.Rand
	synced uint64
	tables uint64 // durable elsewhere
}

func TestCrash(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			run := crashRun{bench: setup(t), rng: rand.New(rand.NewPCG(seed, 0))}
			run.opts.SegmentBytes = 1 << (7 + run.rng.IntN(8))
			run.open(0, 0)
			for range 12 {
				for range run.rng.IntN(60) {
					run.step()
				}
				run.crash()
			}
		})
	}
}

func (r *crashRun) step() {
	r.Helper()
	switch r.rng.IntN(8) {
	case 0, 1:
		r.sync()
		r.synced = r.Last()
	case 2:
		r.tables += r.rng.Uint64N(r.synced - r.tables + 1)
	case 3:
		r.must(r.Drop(r.tables))
	default:
		r.append(r.Last() + 1)
	}
}

// crash opens what a power cut has left. At times the power is cut at once
// again, while the log is opened.
func (r *crashRun) crash() {
	r.Helper()
	appended := r.Last()
	for range 1 + r.rng.IntN(3) {
		cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: r.rng.IntN(101), RNG: r.rng}
		clone := r.fs.CrashClone(cfg)
		r.kill()
		r.fs, r.opts.FS = clone, clone
		last, err := r.read(r.tables)
		r.must(err)
		if last < r.synced || last > appended {
			r.Fatalf("the log ends at batch %d, synced was %d, appended %d", last, r.synced, appended)
		}
		r.synced = last
	}
}

// The power is cut once more while the log is opened, before any operation.
func TestCrashDuringOpen(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		powerCut := func(fs *vfs.MemFS) *vfs.MemFS {
			return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		}
		b := setupOn(t, powerCut(written(t, 20, 27).fs))
		countdown, second := rng.IntN(60), b.fs
		b.inject(func(errorfs.Op) error {
			if countdown--; countdown == 0 {
				second = powerCut(b.fs)
			}
			return nil
		})
		expected, err := b.read(0)
		b.must(err)
		b.kill()

		b = setupOn(t, second)
		b.open(0, expected)
		b.close()
	}
}
