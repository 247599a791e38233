package tables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

var marker = []byte("marker")

// A crashRun applies numbered batches, each of which writes its number under the
// marker, flushes, loses power and opens again, over and over. What a crash
// leaves must be what some batch has left, and not an older one than was flushed.
type crashRun struct {
	testing.TB
	seed uint64
	rng  *rand.Rand
	Tables

	states  []map[string]string // by batch number
	flushed uint64
	crash   func() // leaves tables that were opened again
}

func TestCrashLeavesAPrefix(t *testing.T) {
	t.Parallel()
	seeds(t, func(t *testing.T, seed uint64) {
		r := newCrashRun(t, seed)
		memory := NewMemory(true)
		r.Tables, r.crash = memory, func() { memory.Crash(r.rng.IntN(memory.Unsaved() + 1)) }
		r.run(4)

		r = newCrashRun(t, seed)
		fs := vfs.NewCrashableMem()
		r.Tables = openPebble(t, fs)
		r.crash = func() {
			cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: r.rng.IntN(101), RNG: r.rng}
			clone := fs.CrashClone(cfg)
			r.must(r.Close())
			fs, r.Tables = clone, openPebble(t, clone)
		}
		r.run(3)
	})
}

func newCrashRun(t *testing.T, seed uint64) *crashRun {
	t.Helper()
	return &crashRun{TB: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), states: []map[string]string{{}}}
}

func (r *crashRun) run(rounds int) {
	r.Helper()
	for range rounds {
		for range r.rng.IntN(30) {
			r.step()
		}
		r.crash()
		r.check()
	}
	r.must(r.Close())
}

func (r *crashRun) step() {
	if r.rng.IntN(8) == 0 {
		r.must(r.Flush())
		r.flushed = uint64(len(r.states) - 1)
	}
	r.must(r.Apply(r.batch()))
	if r.rng.IntN(2) == 0 {
		return
	}
	// What is said to be durable now must be there after the crash.
	if n, ok := r.number(r.Flushed(marker)); ok {
		if n < r.flushed {
			r.Fatalf("seed %d: batch %d is durable, batch %d was flushed", r.seed, n, r.flushed)
		}
		r.flushed = n
	}
}

// batch draws the next batch. Some are larger than Pebble's memtable, and
// together they make it flush on its own.
func (r *crashRun) batch() *Batch {
	var b Batch
	state := maps.Clone(r.states[len(r.states)-1])
	value := make([]byte, 1+r.rng.IntN(2000))
	if r.rng.IntN(15) == 0 {
		value = make([]byte, 100<<10)
	}
	for i := range value {
		value[i] = byte(len(r.states) + i)
	}
	for range 1 + r.rng.IntN(8) {
		k := fmt.Appendf(nil, "key %02d", r.rng.IntN(30))
		switch r.rng.IntN(6) {
		case 0:
			b.Delete(k)
			delete(state, string(k))
		case 1:
			high := fmt.Appendf(nil, "key %02d", r.rng.IntN(30))
			b.Clear(k, high)
			maps.DeleteFunc(state, func(key, _ string) bool { return inRange(key, k, high) })
		default:
			b.Set(k, value)
			state[string(k)] = string(value)
		}
	}
	number := binary.BigEndian.AppendUint64(nil, uint64(len(r.states)))
	b.Set(marker, number)
	state[string(marker)] = string(number)
	r.states = append(r.states, state)
	return &b
}

// check compares the tables with the batch at their marker, and forgets what
// came after it.
func (r *crashRun) check() {
	r.Helper()
	n, _ := r.number(r.Get(marker, nil))
	if n < r.flushed || n >= uint64(len(r.states)) {
		r.Fatalf("seed %d: the crash left batch %d, flushed was %d, applied %d", r.seed, n, r.flushed, len(r.states)-1)
	}
	got := map[string]string{}
	r.must(r.Scan(nil, nil, func(k, v []byte) bool {
		got[string(k)] = string(v)
		return true
	}))
	if !maps.Equal(got, r.states[n]) {
		r.Fatalf("seed %d: batch %d left %d keys, expected other content of %d keys", r.seed, n, len(got), len(r.states[n]))
	}
	if f, _ := r.number(r.Flushed(marker)); f != n {
		r.Fatalf("seed %d: after the crash batch %d is there and %d durable", r.seed, n, f)
	}
	r.states, r.flushed = r.states[:n+1], n
}

func (r *crashRun) number(v []byte, ok bool, err error) (uint64, bool) {
	r.Helper()
	r.must(err)
	if !ok {
		return 0, false
	}
	return binary.BigEndian.Uint64(v), true
}

func (r *crashRun) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("seed %d: %v", r.seed, err)
	}
}

// What is closed without a flush is left to the log.
func TestCloseDoesNotFlush(t *testing.T) {
	t.Parallel()
	r := newCrashRun(t, 1)
	fs := vfs.NewMem()
	r.Tables = openPebble(t, fs)
	r.must(r.Apply(r.batch()))
	r.must(r.Flush())
	r.must(r.Apply(r.batch()))
	r.must(r.Close())
	r.Tables = openPebble(t, fs)
	r.flushed = 1
	r.check()
	if n := len(r.states) - 1; n != 1 {
		t.Errorf("batch %d is in the tables, flushed was 1", n)
	}
	r.must(r.Close())
}

// A batch that Pebble writes past its memtable is atomic and durable in its
// order like any other.
func TestBatchLargerThanTheMemtable(t *testing.T) {
	t.Parallel()
	var b Batch
	for i := range 3000 {
		b.Set(binary.BigEndian.AppendUint64(nil, uint64(i)), make([]byte, 1000))
	}
	b.Set(marker, []byte("large"))
	var small Batch
	small.Set(marker, []byte("small"))

	fs := vfs.NewCrashableMem()
	p := openPebble(t, fs)
	r := &crashRun{TB: t, Tables: p}
	r.must(p.Apply(&b))
	r.must(p.Apply(&small))
	r.must(p.Flush())
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	r.must(p.Close())

	r.Tables = openPebble(t, clone)
	n := 0
	r.must(r.Scan(nil, marker, func([]byte, []byte) bool { n++; return true }))
	v, ok, err := r.Get(marker, nil)
	if n != 3000 || !ok || err != nil || string(v) != "small" {
		t.Errorf("found %d keys and the marker %q, %v", n, v, err)
	}
	if m := r.Metrics(); m.DiskBytes < 3000 || m.MemoryBytes == 0 {
		t.Errorf("got %+v", m)
	}
	r.must(r.Close())
}

// An error of the disk is an error of the call.
func TestErrorsAreReported(t *testing.T) {
	t.Parallel()
	fs, broken := vfs.NewMem(), errorfs.Toggle{Injector: errorfs.ErrInjected}
	p := openPebble(t, fs)
	var b Batch
	b.Set(marker, make([]byte, 1000))
	if err := errors.Join(p.Apply(&b), p.Flush(), p.Close()); err != nil {
		t.Fatal(err)
	}
	p = openPebble(t, errorfs.Wrap(fs, &broken))
	broken.On()
	if _, _, err := p.Get(marker, nil); !errors.Is(err, errorfs.ErrInjected) {
		t.Errorf("Get: %v", err)
	}
	if err := p.Scan(nil, nil, func([]byte, []byte) bool { return true }); !errors.Is(err, errorfs.ErrInjected) {
		t.Errorf("Scan: %v", err)
	}
	if _, _, err := p.Flushed(marker); !errors.Is(err, errorfs.ErrInjected) {
		t.Errorf("Flushed: %v", err)
	}
	broken.Off()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	broken.On()
	if _, err := OpenPebble(Options{FS: errorfs.Wrap(fs, &broken), Dir: "tables"}); !errors.Is(err, errorfs.ErrInjected) {
		t.Errorf("OpenPebble: %v", err)
	}
}

// Pebble demands that Fatalf does not return; the journal hears of it before.
func TestFatalTellsAndPanics(t *testing.T) {
	t.Parallel()
	var told error
	defer func() {
		if r := recover(); r == nil || told == nil || told.Error() != "tables: out of luck" {
			t.Errorf("told %v, panicked with %v", told, r)
		}
	}()
	l := quiet{func(err error) { told = err }}
	l.Infof("not told")
	l.Errorf("not told")
	l.Fatalf("out of %s", "luck")
}
