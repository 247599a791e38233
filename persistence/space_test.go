package persistence

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/environment"
)

// A level is left at a quarter more than it is entered at.
func TestLevelsOfSpace(t *testing.T) {
	t.Parallel()
	const reserve = 1000
	for _, c := range []struct {
		was   SpaceLevel
		spare int64
		want  SpaceLevel
	}{
		{SpaceAmple, 1000, SpaceAmple}, {SpaceAmple, 999, SpaceLow}, {SpaceAmple, 500, SpaceLow}, {SpaceAmple, 499, SpaceScarce},
		{SpaceLow, 1249, SpaceLow}, {SpaceLow, 1250, SpaceAmple}, {SpaceLow, 500, SpaceLow}, {SpaceLow, -1, SpaceScarce},
		{SpaceScarce, 624, SpaceScarce}, {SpaceScarce, 625, SpaceLow}, {SpaceScarce, 1249, SpaceLow}, {SpaceScarce, 1250, SpaceAmple},
	} {
		if got := levelOf(c.spare, reserve, c.was); got != c.want {
			t.Errorf("%d bytes, %v before: %v, want %v", c.spare, c.was, got, c.want)
		}
	}
}

// Who writes is bound to look before the next threshold is crossed, however much
// is written between two looks, and every byte of the log is owed once more.
func TestNoThresholdIsCrossedUnseen(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	d := newSmallDisk(t, 1<<30)
	opts := Options{Environment: environment.Memory(), LogBytes: 64 << 20, BatchBytes: 8 << 20, Workers: 2}
	opts.Environment.FS = d
	s := newSpace(&opts)
	owed, seen := int64(0), map[SpaceLevel]int64{}
	s.begin(func() (int64, int64) { return owed, 0 }, func(was, is Space) {
		if was.Level != is.Level {
			seen[is.Level] = is.Free - is.Owed
		}
	}, func() {})
	for others := int64(0); len(seen) < 2; {
		n := rng.Int64N(min(s.batch.Load()*3, leastBudget)) + 1
		s.wrote(n)
		others, owed = others+n, owed+n
		d.SetOthers(others)
	}
	reserve := s.last.Load().Reserve
	if reserve != 64<<20 {
		t.Errorf("a reserve of %d", reserve)
	}
	for level, threshold := range map[SpaceLevel]int64{SpaceLow: reserve, SpaceScarce: reserve / 2} {
		if late := threshold - seen[level]; late < 0 || late > 4*leastBudget {
			t.Errorf("%v was seen %d bytes below its threshold", level, late)
		}
	}
}

func newSmallDisk(t *testing.T, capacity int64) *environment.SmallDisk {
	t.Helper()
	d, err := environment.NewSmallDisk(vfs.NewMem(), "/", capacity)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A file system that does not tell, or nobody who wants to know: no reserve.
func TestSpaceThatIsNotLookedAt(t *testing.T) {
	t.Parallel()
	for _, opts := range []Options{
		{Environment: environment.Memory()},
		{Environment: environment.Memory(), DiskReserve: -1},
	} {
		if opts.DiskReserve < 0 {
			opts.Environment.FS = newSmallDisk(t, 1<<20)
		}
		opts.setDefaults()
		s := newSpace(&opts)
		s.begin(func() (int64, int64) { return 0, 0 }, func(Space, Space) {}, func() {})
		s.wrote(1 << 40)
		if s.on.Load() || s.scarce() || s.short() || s.tight() || !s.MayCompact(1) || !s.takes(1<<40) {
			t.Errorf("somebody looks: %+v", s.last.Load())
		}
	}
}

// A look that fails leaves things as they were.
func TestALookThatFails(t *testing.T) {
	t.Parallel()
	d := &blindDisk{FS: newSmallDisk(t, 1<<20)}
	opts := Options{Environment: environment.Memory(), DiskReserve: 1 << 20}
	opts.Environment.FS = d
	opts.setDefaults()
	s := newSpace(&opts)
	d.blind = true
	s.begin(func() (int64, int64) { return 1, 0 }, func(Space, Space) {}, func() {})
	if s.scarce() || !s.on.Load() {
		t.Errorf("after a failed look: %+v", s.last.Load())
	}
	d.blind = false
	s.wrote(1)
	if is := s.last.Load(); is.Level != SpaceLow || is.Free != 1<<20 || is.Owed != 1 {
		t.Errorf("after a look: %+v", s.last.Load())
	}
}

type blindDisk struct {
	vfs.FS
	blind bool
}

func (d *blindDisk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if d.blind {
		return vfs.DiskUsage{}, fmt.Errorf("statfs %s: %w", path, syscall.EIO)
	}
	return d.FS.GetDiskUsage(path)
}

// The pauses between compactions that fail grow up to a minute.
func TestCompactionsAreTriedAgain(t *testing.T) {
	t.Parallel()
	c := &pauses{Clock: environment.Memory().Clock}
	s := &space{clock: c}
	for _, failures := range []int{1, 2, 7, 1000} {
		s.Retry(failures)
	}
	if got := fmt.Sprint(c.seen); got != "[1s 2s 1m0s 1m0s]" {
		t.Error(got)
	}
}

type pauses struct {
	environment.Clock
	seen []time.Duration
}

func (c *pauses) AfterFunc(d time.Duration, _ func()) environment.Timer {
	c.seen = append(c.seen, d)
	return nil
}

// A write beyond the small disk's room fails as the kernel's would.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	d := newSmallDisk(t, 1000)
	f, err := d.OpenReadWrite("/a", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 600), 0); err != nil || d.Free() != 400 {
		t.Errorf("%d free, %v", d.Free(), err)
	}
	if _, err := f.Write(make([]byte, 600)); err != nil || d.Free() != 400 { // over what is there
		t.Errorf("%d free, %v", d.Free(), err)
	}
	if n, err := f.Write(make([]byte, 600)); n != 400 || !errors.Is(err, syscall.ENOSPC) || d.Free() != 0 {
		t.Errorf("%d bytes, %d free, %v", n, d.Free(), err)
	}
	d.SetOthers(-100)
	if err := d.Rename("/a", "/b"); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write(make([]byte, 100)); n != 100 || err != nil || d.Free() != 0 {
		t.Errorf("%d bytes, %d free, %v", n, d.Free(), err)
	}
	if err := errors.Join(d.Remove("/b"), f.Close()); err != nil || d.Free() != 1100 {
		t.Errorf("%d free, %v", d.Free(), err)
	}
}

// A compaction leaves room for what was appended before and is not written yet,
// however long the committer takes to get there; and so does what is appended.
func TestWhatIsInHandHasRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, free int }{
		{12 << 10, 60 << 20}, {200 << 10, 60 << 20}, {2 << 20, 60 << 20}, {12 << 20, 60 << 20}, {900 << 10, 7 << 19}, {12 << 10, 5 << 19},
	} {
		t.Run(fmt.Sprintf("%d of %d", c.size, c.free), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			d, err := environment.NewSmallDisk(b.fs, "/", 64<<20)
			b.must(err)
			b.opts.Environment.FS, b.opts.Tables, b.opts.LogBytes = d, nil, 4<<20
			b.start()
			b.settle()
			rng := rand.NewChaCha8([32]byte{1})
			kept, others := 0, d.Free()-int64(c.free)
			d.SetOthers(others)
			b.sim.Advance(time.Second)
			fill := func() {
				for shard := 0; shard < 3; {
					tx := rowOf(fmt.Sprint(kept), c.size)
					_, _ = rng.Read(tx.Rows[0].Value) // does not compress
					switch _, err := b.Shard(shard).Append(tx); {
					case err == nil:
						kept++
					case errors.Is(err, ErrFull):
						shard++
					default:
						t.Fatal(err)
					}
				}
			}
			compact := func(most int64) {
				step := int64(c.size) // a compaction writes a value at once
				for n := int64(0); n < most && b.space.MayCompact(step); n += step {
					others += step
					d.SetOthers(others)
					b.space.Wrote(step)
				}
			}
			fill()
			compact(8 << 20)
			b.sim.Run(func() bool { return b.commit.written != nil }) // one batch is sealed
			fill()
			compact(64 << 20)
			fill()
			b.sim.Advance(10 * time.Second)
			b.materialize()
			b.must(b.Err())
			if kept == 0 {
				t.Error("nothing was appended")
			}
			if d.Free() < b.Space().Reserve/4 {
				t.Errorf("%d bytes are free", d.Free())
			}
			for i := range kept {
				if v, ok := b.get(fmt.Sprint(i)); !ok || len(v) != c.size {
					t.Fatalf("%d of %d is not there", i, kept)
				}
			}
			b.must(b.Close())
		})
	}
}

// A compaction that writes a large value at once needs the room for it, as it is
// by then.
func TestALargeWriteOfACompaction(t *testing.T) {
	t.Parallel()
	d := newSmallDisk(t, 64<<20)
	opts := Options{Environment: environment.Memory(), DiskReserve: 4 << 20}
	opts.Environment.FS = d
	opts.setDefaults()
	s := newSpace(&opts)
	s.begin(func() (int64, int64) { return 10 << 20, 30 << 20 }, func(Space, Space) {}, func() {}) // 24 MiB are left
	for _, c := range []struct {
		size, others int64
		may          bool
	}{{20 << 20, 0, true}, {22 << 20, 0, false}, {20 << 20, 10 << 20, false}, {11 << 20, 10 << 20, true}} {
		d.SetOthers(c.others)
		if may := s.MayCompact(c.size); may != c.may {
			t.Errorf("%d bytes beside %d: %t", c.size, c.others, may)
		}
	}
}

// A flush while somebody looks does not seem to make room: what it has written by the
// end of the look is neither owed nor free.
func TestALookDuringAFlush(t *testing.T) {
	t.Parallel()
	d := newSmallDisk(t, 64<<20)
	flushing := &flushingDisk{SmallDisk: d}
	opts := Options{Environment: environment.Memory(), DiskReserve: 4 << 20}
	opts.Environment.FS = flushing
	opts.setDefaults()
	s := newSpace(&opts)
	owed := int64(20 << 20)
	flush := func() {
		d.SetOthers(20 << 20)
		owed = 0
	}
	s.begin(func() (int64, int64) { return owed, 0 }, func(Space, Space) {}, func() {})
	for _, when := range []string{"before", "after"} { // it is told how much is free
		d.SetOthers(0)
		owed = 20 << 20
		flushing.before, flushing.after = nil, nil
		if when == "before" {
			flushing.before = flush
		} else {
			flushing.after = flush
		}
		if err := s.look(); err != nil {
			t.Fatal(err)
		}
		if is := s.last.Load(); is.Free-is.Owed > 44<<20 {
			t.Errorf("a flush %s: %d bytes seem to be free and not owed", when, is.Free-is.Owed)
		}
	}
}

// flushingDisk does something while it is asked how much is free.
type flushingDisk struct {
	*environment.SmallDisk
	before, after func()
}

func (d *flushingDisk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if d.before != nil {
		d.before()
	}
	usage, err := d.SmallDisk.GetDiskUsage(path)
	if d.after != nil {
		d.after()
	}
	return usage, err
}
