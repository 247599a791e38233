package wal

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// written returns a log of several segments that was killed: batches up to
// synced are durable, those up to last are not.
func written(t testing.TB, synced, last uint64) *bench {
	t.Helper()
	b := setup(t)
	b.open(0, 0)
	for n := uint64(1); n <= synced; n++ {
		b.append(n)
		b.sync()
	}
	b.append(last)
	b.kill()
	return b
}

// expectPrefix opens the log, which must end between the two batches, and then
// go on and be whole.
func (b *bench) expectPrefix(atLeast, atMost uint64) {
	b.Helper()
	last, err := b.read(0)
	b.must(err)
	if last < atLeast || last > atMost {
		b.Fatalf("the log ends at batch %d, expected %d to %d", last, atLeast, atMost)
	}
	b.append(last + 3)
	b.close()
	b.open(0, last+3)
	b.close()
}

// recordEnds returns where the records of the newest segment end.
func (b *bench) recordEnds() []int64 {
	b.Helper()
	segments := b.segments()
	r, err := openSegment(b.fs, segments[len(segments)-1])
	b.must(err)
	defer r.close()
	ends := []int64{r.records.offset()}
	for {
		if _, err := r.next(); errors.Is(err, errNoRecord) {
			return ends
		} else if err != nil {
			b.Fatal(err)
		}
		ends = append(ends, r.records.offset())
	}
}

func TestTornTailAtEveryByte(t *testing.T) {
	t.Parallel()
	whole := written(t, 4, 6)
	ends := whole.recordEnds()
	end := ends[len(ends)-1]
	content := whole.content(whole.newest())
	beforeLast, beforeUnsynced := ends[len(ends)-2], ends[len(ends)-3]

	for _, tail := range []struct {
		name string
		tear func(content []byte, at int64) []byte
	}{
		{"cut", func(content []byte, at int64) []byte { return content[:at] }},
		{"zeros", func(content []byte, at int64) []byte {
			clear(content[at:])
			return content
		}},
		{"garbage", func(content []byte, at int64) []byte {
			for i := at; i < end; i++ {
				content[i] ^= 0x5a
			}
			return content
		}},
		{"hole", func(content []byte, at int64) []byte {
			for i := at; i < min(at+4, end); i++ {
				content[i] ^= 0xff
			}
			return content
		}},
	} {
		t.Run(tail.name, func(t *testing.T) {
			t.Parallel()
			for at := ends[0]; at < end; at++ {
				b := whole.copy(t)
				b.replace(b.newest(), tail.tear(slices.Clone(content), at))
				switch {
				case at >= beforeLast:
					b.expectPrefix(5, 6)
				case at >= beforeUnsynced:
					b.expectPrefix(4, 4)
				default:
					_, err := b.read(0)
					b.expectDamage(err)
				}
			}
		})
	}
}

// Any bit of a small log may flip: nothing but the appended batches is read, and
// not fewer than were synced.
func TestBitFlipAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ synced, last, witness uint64 }{
		{25, 25, 25}, {25, 27, 25}, {25, 27, 3}, {28, 30, 3},
	} {
		t.Run(fmt.Sprintf("synced=%d/last=%d/witness=%d", c.synced, c.last, c.witness), func(t *testing.T) {
			t.Parallel()
			whole := written(t, c.synced, c.last)
			whole.setWitness(c.witness)
			damaged, paths := 0, []string{whole.witnessPath()}
			for _, s := range whole.segments() {
				paths = append(paths, s.path)
			}
			if len(paths) < 4 {
				t.Fatalf("only %d files", len(paths))
			}
			for _, path := range paths {
				content := whole.content(path)
				for i := range content {
					if content[i] == 0 && i%16 != 0 {
						continue // most of them are unused
					}
					content[i] ^= 1 << (i % 8)
					if flipped(t, whole, path, content, c.synced, c.last) {
						damaged++
					}
					content[i] ^= 1 << (i % 8)
				}
			}
			if damaged < 1000 {
				t.Errorf("only %d flips are damage", damaged)
			}
		})
	}
}

func flipped(t *testing.T, whole *bench, path string, content []byte, synced, last uint64) (damaged bool) {
	t.Helper()
	b := whole.copy(t)
	b.replace(path, content)
	got, err := b.read(0)
	if err != nil {
		b.expectDamage(err)
		return true
	}
	if got < synced || got > last {
		t.Fatalf("%s: the log ends at batch %d, expected %d to %d", path, got, synced, last)
	}
	b.close()
	return false
}

func TestMissingFiles(t *testing.T) {
	t.Parallel()
	whole := written(t, 25, 25)
	segments := whole.segments()
	for i, s := range segments {
		t.Run(fmt.Sprintf("segment=%d", i), func(t *testing.T) {
			t.Parallel()
			b := whole.copy(t)
			b.replace(s.path, nil)
			_, err := b.read(0)
			b.expectDamage(err)
			if i == 0 {
				b.open(segments[1].first-1, 25)
				b.close()
			}
		})
	}
	t.Run("witness", func(t *testing.T) {
		t.Parallel()
		b := whole.copy(t)
		b.replace(b.witnessPath(), nil)
		_, err := b.read(0)
		b.expectDamage(err)
		if files, err := b.opts.directory().list(); err != nil || files.witness {
			t.Errorf("a witness was made up (%v)", err)
		}
	})
	t.Run("all segments", func(t *testing.T) {
		t.Parallel()
		for _, witness := range []uint64{25, 0} {
			b := whole.copy(t)
			b.setWitness(witness)
			for _, s := range segments {
				b.replace(s.path, nil)
			}
			for _, after := range []uint64{0, 25, 30} {
				_, err := b.read(after)
				b.expectDamage(err)
			}
		}
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.read(25)
		b.expectDamage(err)
	})
	t.Run("last segments and power", func(t *testing.T) {
		t.Parallel()
		// Of the witness, only what is synced with each new segment is left.
		b := setupOn(t, whole.fs.CrashClone(noUnsynced()))
		for _, s := range segments[len(segments)-2:] {
			b.replace(s.path, nil)
		}
		_, err := b.read(0)
		b.expectDamage(err)
	})
	t.Run("unsynced last segment", func(t *testing.T) {
		t.Parallel()
		b := written(t, 25, 25)
		b.open(0, 25)
		b.kill()
		b.replace(b.newest(), nil)
		b.expectPrefix(25, 25)
	})
}

// The machine loses power after each batch, and the witness is old.
func TestPowerCutAtEveryBatch(t *testing.T) {
	t.Parallel()
	for n := uint64(1); n < 40; n++ {
		whole := written(t, n, n+1)
		crashed := func() *bench {
			b := setupOn(t, whole.fs.CrashClone(noUnsynced()))
			b.setWitness(0)
			return b
		}
		crashed().expectPrefix(n, n)

		b := crashed()
		b.open(0, n)
		segments := b.segments()
		if first := segments[len(segments)-1].first; first < n {
			t.Errorf("after batch %d the new segment begins at batch %d: copied more than is in doubt", n, first)
		}
		b.close()
	}
}

func TestGapWithinSegment(t *testing.T) {
	t.Parallel()
	b := written(t, 2, 2)
	w, err := createSegment(b.opts.directory(), b.id, 1, 512)
	b.must(err)
	for _, n := range []uint64{1, 2, 4} {
		b.must(w.append(frame{kind: batchFrame, number: n, durable: 0, payload: payloadOf(n)}))
	}
	b.must(errors.Join(w.publish(), w.close()))
	_, err = b.read(0)
	b.expectDamage(err)
}

func TestSegmentOfAnotherLog(t *testing.T) {
	t.Parallel()
	b := written(t, 25, 25)
	other := setup(t)
	other.opts.Random = nil
	other.open(0, 0)
	other.append(25)
	other.sync()
	other.kill()
	for _, s := range b.segments() {
		mixed := b.copy(t)
		mixed.replace(s.path, other.content(s.path))
		_, err := mixed.read(0)
		mixed.expectDamage(err)
	}
	segments := b.segments()
	renamed := b.copy(t)
	renamed.replace(segments[1].path, b.content(segments[0].path))
	_, err := renamed.read(0)
	renamed.expectDamage(err)

	mixed := b.copy(t)
	mixed.replace(b.witnessPath(), other.content(b.witnessPath()))
	_, err = mixed.read(0)
	mixed.expectDamage(err)
}

func TestLogMustReachTheTables(t *testing.T) {
	t.Parallel()
	b := written(t, 25, 25)
	_, err := b.read(26)
	b.expectDamage(err)
	b.open(25, 25)
	b.close()
}

func TestWitnessSlots(t *testing.T) {
	t.Parallel()
	whole := written(t, 25, 25)
	content := whole.content(whole.witnessPath())
	broken := func(slots ...int) *bench {
		b := whole.copy(t)
		broken := slices.Clone(content)
		for _, slot := range slots {
			broken[slot*slotBytes+5] ^= 1
		}
		b.replace(b.witnessPath(), broken)
		return b
	}
	broken(0).expectPrefix(25, 25)
	broken(1).expectPrefix(25, 25)
	_, err := broken(0, 1).read(0)
	whole.expectDamage(err)

	b := whole.copy(t)
	b.replace(b.witnessPath(), content[:slotBytes/2])
	b.expectPrefix(25, 25)
	b.replace(b.witnessPath(), []byte{})
	_, err = b.read(0)
	b.expectDamage(err)
}

// After a failed sync nobody knows what of the last batches is on the disk,
// though they can be read: what Open accepts it must write again.
func TestOpenMakesWhatItReadDurable(t *testing.T) {
	t.Parallel()
	b := written(t, 4, 9)
	b.open(0, 9)
	b.kill()
	crashed := setupOn(t, b.fs.CrashClone(noUnsynced()))
	crashed.open(0, 9)
	crashed.close()
	if first := crashed.segments()[1].first; first != 5 {
		t.Errorf("the second segment begins at batch %d, expected the first one in doubt", first)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log, err := Create(b.opts, 100)
	b.must(err)
	if b.Log = log; b.Last() != 100 {
		t.Errorf("Last is %d", b.Last())
	}
	b.close()
	for _, after := range []uint64{0, 99, 101} {
		_, err := b.read(after)
		b.expectDamage(err)
	}
	b.open(100, 100)
	b.append(110)
	b.close()
	b.open(100, 110)
	b.close()
	if _, err := Create(b.opts, 100); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("Create on a log: %v", err)
	}
}

// Create is repeated after each operation of the file system that it may be cut
// short at.
func TestCreateCutShort(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		b := setup(t)
		countdown := n
		b.inject(func(errorfs.Op) error {
			if countdown--; countdown <= 0 {
				return errorfs.ErrInjected
			}
			return nil
		})
		log, err := Create(b.opts, 7)
		b.opts.FS = b.fs
		if err == nil {
			b.must(log.closeFiles())
			break
		}
		if b.Log, err = Create(b.opts, 7); err != nil {
			b.Log, err = Open(b.opts, 7, nil)
		}
		b.must(err)
		b.append(9)
		b.close()
		b.open(7, 9)
		b.close()
	}
}

func TestUnknownVersionIsNoDamage(t *testing.T) {
	t.Parallel()
	b := written(t, 1, 1)
	w, err := createSegment(b.opts.directory(), b.id, 1, 512)
	b.must(err)
	w.header = nil
	rec, err := w.records.Next()
	b.must(err)
	_, err = rec.Write(append([]byte{formatVersion + 1}, make([]byte, 100)...))
	b.must(errors.Join(err, w.records.Flush(), w.publish(), w.close()))
	if _, err := b.read(0); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}
