package wal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.close()
	b.open(0, 0)
	b.append(3)
	b.sync()
	b.append(5)
	b.close()
	b.must(b.Close())

	b.open(0, 5)
	b.append(100)
	b.close()
	b.open(0, 100)
	b.close()
	b.open(60, 100)
	b.close()
	b.open(100, 100)
	b.close()
}

func TestRoundTripOnDisk(t *testing.T) {
	t.Parallel()
	opts := Options{FS: vfs.Default, Dir: t.TempDir() + "/log", SegmentBytes: 1 << 20}
	sizes := []int{0, 1, 100, blockBytes - 7, blockBytes, 3 * blockBytes, 200 << 10, 500, 3 << 20}
	var appended [][]byte
	rng := rand.NewChaCha8([32]byte{})
	for round := range 3 {
		read := 0
		log, err := Open(opts, 0, func(batch uint64, payload []byte) error {
			if batch != uint64(read+1) || !bytes.Equal(payload, appended[read]) {
				t.Fatalf("batch %d is not what was appended", batch)
			}
			read++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if read != len(appended) {
			t.Fatalf("round %d: read %d batches, expected %d", round, read, len(appended))
		}
		for _, size := range sizes {
			payload := make([]byte, size)
			_, _ = rng.Read(payload)
			appended = append(appended, payload)
			if err := log.Append(uint64(len(appended)), payload); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPebbleReadsSegments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.SegmentBytes = 1 << 20
	b.open(0, 0)
	large := bytes.Repeat([]byte("large"), blockBytes)
	b.append(5)
	b.must(b.Append(6, large))
	b.close()

	f, err := b.fs.Open(b.newest())
	b.must(err)
	defer f.Close()
	records := record.NewReader(f, 0)
	seed := segmentSeed(b.id, 1)
	for n := range uint64(7) {
		rec, err := records.Next()
		b.must(err)
		content, err := io.ReadAll(rec)
		b.must(err)
		if n == 0 {
			continue // the header
		}
		got, err := decodeFrame(content, seed)
		if err != nil || got.number != n {
			t.Fatalf("got batch %d (%v), expected %d", got.number, err, n)
		}
	}
	if _, err := records.Next(); !record.IsInvalidRecord(err) && !errors.Is(err, io.EOF) {
		t.Errorf("behind the last record: %v", err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.append(100)
	b.close()
	segments := b.segments()
	if len(segments) < 5 {
		t.Fatalf("only %d segments", len(segments))
	}
	for _, s := range segments[:len(segments)-1] {
		if s.size < b.opts.SegmentBytes || s.size > 2*b.opts.SegmentBytes+200 {
			t.Errorf("segment %s has %d bytes", s.path, s.size)
		}
	}
}

func TestEveryOpenLeavesOneSegmentMoreAtMost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		b.open(0, 0)
		b.close()
	}
	if n := len(b.segments()); n != 1 {
		t.Errorf("%d segments of an empty log", n)
	}
}

func TestDrop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.append(100)
	size := b.Size()
	segments := b.segments()

	for i, s := range segments[1:] {
		b.must(b.Drop(s.first - 2)) // ends one batch too early
		if got := len(b.segments()); got != len(segments)-i {
			t.Fatalf("%d segments, expected %d", got, len(segments)-i)
		}
		b.must(b.Drop(s.first - 1))
		if got := len(b.segments()); got != len(segments)-i-1 {
			t.Fatalf("%d segments, expected %d", got, len(segments)-i-1)
		}
		if b.Size() >= size {
			t.Fatalf("Size is %d after it was %d", b.Size(), size)
		}
		size = b.Size()
	}
	b.must(b.Drop(1000))
	current := b.segments()
	if len(current) != 1 {
		t.Fatalf("%d segments, expected the current one", len(current))
	}
	b.append(110)
	b.close()

	b.open(current[0].first-1, 110)
	b.close()
	_, err := b.read(current[0].first - 2)
	b.expectDamage(err)
}

func TestSizeIsTheSameAfterOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.append(50)
	b.close()
	b.open(0, 50)
	defer b.close()
	var sum int64
	for _, s := range b.segments() {
		sum += s.size
	}
	if size := b.Size(); size > sum || size < sum/2 {
		t.Errorf("Size is %d, the files have %d bytes", size, sum)
	}
}

func TestDropBesideAppend(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for b.Last() < 300 {
				if err := b.Drop(b.Last() / 2); err != nil || b.Size() <= 0 {
					t.Errorf("Drop: %v", err)
					return
				}
			}
		})
	}
	for n := uint64(1); n <= 300; n++ {
		b.append(n)
		b.sync()
	}
	group.Wait()
	b.close()
	b.open(150, 300)
	b.close()
}

func TestAppendExpectsNext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.append(3)
	for _, wrong := range []uint64{0, 3, 5} {
		if err := b.Append(wrong, nil); err == nil {
			t.Errorf("batch %d is appended after batch 3", wrong)
		}
	}
	b.append(4)
	b.close()
	b.open(0, 4)
	b.close()
}

func TestClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.close()
	for name, err := range map[string]error{
		"Append": b.Append(1, nil), "Sync": b.Sync(), "Drop": b.Drop(0),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	for field, opts := range map[string]Options{
		"FS":           {Dir: testDir},
		"Dir":          {FS: fs},
		"SegmentBytes": {FS: fs, Dir: testDir, SegmentBytes: -1},
	} {
		if _, err := Open(opts, 0, nil); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("Open with a wrong %s: %v", field, err)
		}
		if _, err := Create(opts, 0); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("Create with a wrong %s: %v", field, err)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.append(50)
	b.close()
	var done, total int64
	b.opts.OnProgress = func(d, n int64) {
		if d < done || d > n || total != 0 && n != total {
			t.Errorf("progress %d of %d after %d of %d", d, n, done, total)
		}
		done, total = d, n
	}
	b.open(0, 50)
	b.close()
	if done == 0 || done != total {
		t.Errorf("progress ends at %d of %d", done, total)
	}
}

func TestErrorOfApply(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open(0, 0)
	b.append(5)
	b.close()
	reason := errors.New("reason")
	_, err := Open(b.opts, 0, func(batch uint64, _ []byte) error {
		if batch == 3 {
			return reason
		}
		return nil
	})
	if !errors.Is(err, reason) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "batch 3") {
		t.Errorf("got %v", err)
	}
	b.open(0, 5)
	b.close()
}

// Every operation of the file system fails once, at Append, Sync or Drop. What
// was synced before must be there afterwards.
func TestErrorsAreSticky(t *testing.T) {
	t.Parallel()
	injected := errors.New("injected")
	for n := 1; ; n++ {
		b := setup(t)
		countdown := 0
		b.inject(func(op errorfs.Op) error {
			if countdown > 0 && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if countdown--; countdown == 0 {
					return injected
				}
			}
			return nil
		})
		b.open(0, 0)
		countdown = n
		synced, err := b.appendUntilError(60)
		countdown = 0
		if err == nil {
			b.close()
			if n < 50 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
		if !errors.Is(err, injected) {
			t.Fatalf("operation %d: got %v", n, err)
		}
		for name, err := range map[string]error{
			"Append": b.Append(b.Last()+1, nil), "Sync": b.Sync(), "Drop": b.Drop(1), "Close": b.Close(),
		} {
			if !errors.Is(err, injected) {
				t.Errorf("operation %d: %s after the error: %v", n, name, err)
			}
		}
		b.opts.FS = b.fs
		last, err := b.read(0)
		if err != nil || last < synced {
			t.Fatalf("operation %d: ends at %d, synced was %d: %v", n, last, synced, err)
		}
		b.close()
	}
}

func (b *bench) appendUntilError(last uint64) (synced uint64, err error) {
	for n := b.Last() + 1; n <= last; n++ {
		if err := b.Append(n, payloadOf(n)); err != nil {
			return synced, err
		}
		if n%2 == 0 {
			continue
		}
		if err := b.Sync(); err != nil {
			return synced, err
		}
		synced = n
	}
	return synced, nil
}

// Between any two removals the directory is synced, oldest first: whatever of it
// reaches the disk, the segments that are left have no gap.
func TestDropOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var ops []string
	b.inject(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpRemove:
			ops = append(ops, op.Path)
		case errorfs.OpFileSync:
			ops = append(ops, "sync")
		}
		return nil
	})
	b.open(0, 0)
	b.append(60)
	b.sync()
	segments := b.segments()
	var want []string
	for _, s := range segments[:len(segments)-1] {
		want = append(want, s.path, "sync")
	}
	ops = nil
	b.must(b.Drop(60))
	if !slices.Equal(ops, want) {
		t.Errorf("Drop did %v, expected %v", ops, want)
	}
	b.close()
}

func TestDropMayBeRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	fail := false
	b.inject(func(op errorfs.Op) error {
		if fail && op.Kind == errorfs.OpFileSync {
			return errorfs.ErrInjected
		}
		return nil
	})
	b.open(0, 0)
	b.append(40)
	b.sync()
	fail = true
	if err := b.Drop(20); err == nil {
		t.Fatal("Drop hides an error")
	}
	fail = false
	b.must(b.Drop(20))
	b.append(60)
	b.close()
	b.open(20, 60)
	b.close()
}

func TestErrorsOfOpen(t *testing.T) {
	t.Parallel()
	whole := setup(t)
	whole.open(0, 0)
	whole.append(40)
	whole.sync()
	whole.append(41)
	whole.kill()
	for n := 1; ; n++ {
		b := whole.copy(t)
		countdown := n
		b.inject(func(errorfs.Op) error {
			if countdown--; countdown == 0 {
				return errorfs.ErrInjected
			}
			return nil
		})
		_, err := b.read(0)
		countdown = 0
		if err == nil {
			b.close()
			if n < 20 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
		if errors.Is(err, ErrDamaged) {
			t.Fatalf("operation %d: an I/O error is reported as damage: %v", n, err)
		}
		b.opts.FS = b.fs
		b.open(0, 41)
		b.close()
	}
}
