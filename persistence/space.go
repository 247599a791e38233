package persistence

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/environment"
)

// SpaceLevel says what the free space of the disk allows.
type SpaceLevel uint32

const (
	// SpaceAmple is enough, or nobody looks.
	SpaceAmple SpaceLevel = iota
	// SpaceLow is below the reserve: nothing more is to come in from outside.
	SpaceLow
	// SpaceScarce is below half of the reserve: Append refuses, so that what
	// remains suffices for what has to be written whatever happens.
	SpaceScarce
)

func (l SpaceLevel) String() string {
	switch l {
	case SpaceAmple:
		return "ample"
	case SpaceLow:
		return "low"
	case SpaceScarce:
		return "scarce"
	}
	return fmt.Sprintf("SpaceLevel(%d)", uint32(l))
}

// Space is what is known of the disk that the journal is on, in bytes.
type Space struct {
	Level SpaceLevel
	// Free and Total are of the file system. Owed of what is free is what the
	// journal has yet to write: a flush of what is in its log.
	Free, Total, Owed int64
	// Reserve is where the space is low, 0 if nobody looks.
	Reserve int64
}

// space watches the free space of the disk, so that the journal stops growing
// before the disk is full.
//
// What counts is what would be left once everything is written that has to be:
// the log's payload goes to disk twice, and only the second time, when the
// tables are flushed, makes the first one's room free again. So what a flush
// owes is not free.
//
//	ample    above the reserve
//	low      ingresses refuse; what is in the node goes on
//	scarce   below a half: functions pause; what is open is committed
//	         below a quarter: compactions end, nothing is materialized
//
// It is left at a quarter more than it is entered at. Who writes takes it off a
// budget, which is a part of what there is above the next threshold: nobody
// crosses one unseen, however fast. Others may write too, so there is also a
// look every now and then.
//
// What was appended is in hand until the committer has written it: much
// may happen before, if the machine is busy. It does not count for the level, so that
// that does not go up and down with each batch. But it is written whatever happens:
// neither a compaction nor a batch to come takes its room.
type space struct {
	fs         vfs.FS
	dir        string
	clock      environment.Clock
	configured int64 // 0: by default; negative: off
	logBytes   int64
	batchBytes int
	shards     int
	owes       func() (owed, inHand int64)
	changed    func(was, is Space)
	compacted  func()

	on     atomic.Bool // from begin on, if the file system tells
	level  atomic.Uint32
	budget atomic.Int64 // bytes that may be written before the next look
	batch  atomic.Int64 // bytes that an open batch may take in one shard
	spare  atomic.Int64 // free and not owed
	left   atomic.Int64 // of spare, once what is in hand is written
	// What is free is too little if compactions fail and a flush waits for them.
	failing, behind atomic.Bool

	admitting sync.Mutex // held while one is admitted, under a shard's lock
	looking   sync.Mutex
	last      atomic.Pointer[Space]

	task  environment.Task
	timer atomic.Pointer[environment.Timer]
	ended atomic.Bool
}

const (
	lookEvery   = 250 * time.Millisecond
	leastBudget = 64 << 10
	mostBudget  = 64 << 20
	leastBatch  = 64 << 10
	firstRetry  = time.Second
	lastRetry   = time.Minute
	reservePart = 10 // of the disk, at most
	// Of what is left above a threshold, between two looks: an eighth may be written,
	// in the log with as much in zeros and the same again owed; and a half may be
	// appended, in a batch that is sealed and one that is open. Each shard's part of
	// one is up to twice its bound, and all of it is written twice.
	budgetPart  = 8
	batchesPart = 16
)

func newSpace(o *Options) *space {
	s := &space{
		fs: o.Environment.FS, dir: o.Dir, clock: o.Environment.Clock, configured: o.DiskReserve,
		logBytes: o.LogBytes, batchBytes: o.BatchBytes, shards: o.Workers + 1,
		owes: func() (int64, int64) { return 0, 0 }, changed: func(Space, Space) {}, compacted: func() {},
	}
	s.last.Store(&Space{})
	s.batch.Store(int64(o.BatchBytes))
	return s
}

// begin makes who writes look. A file system that does not tell is not watched.
func (s *space) begin(owes func() (owed, inHand int64), changed func(was, is Space), compacted func()) {
	s.owes, s.changed, s.compacted = owes, changed, compacted
	if s.configured >= 0 && !errors.Is(s.look(), vfs.ErrUnsupported) {
		s.on.Store(true)
	}
}

// start looks every now and then, too.
func (s *space) start(d environment.Dispatcher) {
	if !s.on.Load() {
		return
	}
	s.task = d.Start("space", func() bool { _ = s.look(); return false }) // the next one may succeed
	s.arm()
}

func (s *space) arm() {
	if s.ended.Load() {
		return
	}
	t := s.clock.AfterFunc(lookEvery, func() {
		s.task.Wake()
		s.arm()
	})
	s.timer.Store(&t)
}

func (s *space) stop() {
	s.ended.Store(true)
	if t := s.timer.Load(); t != nil {
		(*t).Stop()
	}
	if s.task != nil {
		s.task.Stop()
	}
}

func (s *space) scarce() bool { return SpaceLevel(s.level.Load()) == SpaceScarce }

// wrote takes bytes off the budget, before or after they are written.
func (s *space) wrote(n int64) {
	if !s.on.Load() || s.budget.Add(-n) >= 0 {
		return
	}
	s.looking.Lock() // whoever looks now may have begun before this was written
	defer s.looking.Unlock()
	if s.budget.Load() < 0 {
		_ = s.lookNow(s.last.Load().Level) // the next one may succeed
	}
}

// Wrote implements tables.Disk.
func (s *space) Wrote(n int64) { s.wrote(n) }

// MayCompact implements tables.Disk. A compaction alone does not make functions
// pause. Once they do, it may take what a flush does not need: it may be what
// makes room. What is large, such as a large value, is not seen by a budget in time.
func (s *space) MayCompact(n int64) bool {
	if n > leastBudget && s.on.Load() {
		_ = s.look() // the next one may succeed
	}
	reserve := s.last.Load().Reserve
	least := reserve * 5 / 8
	if s.scarce() {
		least = reserve / 4
	}
	return reserve == 0 || s.left.Load()-n >= least
}

// Compacted implements tables.Disk.
func (s *space) Compacted(err error) {
	s.failing.Store(err != nil)
	s.compacted()
}

// Retry implements tables.Disk.
func (s *space) Retry(failures int) <-chan struct{} {
	ch := make(chan struct{})
	s.clock.AfterFunc(min(lastRetry, firstRetry<<min(failures-1, 10)), func() { close(ch) })
	return ch
}

// short reports whether there may be too little left for a flush, which takes a
// little more than what it owes. Then what is in the log stays there.
func (s *space) short() bool {
	is, _, err := s.measure()
	if err != nil {
		is = *s.last.Load()
	}
	return is.Free < is.Reserve/4 || is.Free < is.Owed+is.Owed/16
}

// tight reports whether a flush is worth its while: it makes room.
func (s *space) tight() bool {
	is := s.last.Load()
	return is.Reserve > 0 && s.spare.Load() < 2*is.Reserve && is.Owed >= is.Reserve/4
}

// takes reports whether there is room for a transaction that is large.
func (s *space) takes(size int64) bool {
	reserve := s.last.Load().Reserve
	return reserve == 0 || 2*size <= s.spare.Load()-reserve/2
}

// admits reports whether there is room for more than the bound of an open batch,
// and takes it into what is in hand. What is large must leave what functions may
// take. All else goes on until space is scarce, even if it is all that goes on.
func (s *space) admits(size int64, large bool, inHand *atomic.Int64) bool {
	s.admitting.Lock()
	defer s.admitting.Unlock()
	is, left, err := s.measure()
	if err != nil {
		is, left = *s.last.Load(), s.left.Load()
	}
	keep := is.Reserve / 16
	if large {
		keep = is.Reserve / 2
	}
	if is.Reserve > 0 && 2*size > left-keep {
		return false
	}
	inHand.Add(size)
	s.budget.Add(-2 * size) // who writes next looks
	return true
}

// look finds out how much space there is and what it allows.
func (s *space) look() error {
	if s.configured < 0 {
		return nil
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	return s.lookNow(s.last.Load().Level)
}

// lookAnew looks as if nothing was known before.
func (s *space) lookAnew() {
	if s.configured < 0 {
		return
	}
	s.looking.Lock()
	defer s.looking.Unlock()
	_ = s.lookNow(SpaceAmple) // the next one may succeed
}

// measure finds out how much there is, and how much of it is left once what is in
// hand is written, too.
func (s *space) measure() (is Space, left int64, err error) {
	if s.configured < 0 {
		return Space{}, 0, nil
	}
	// In this order: a flush in between makes both less, and must not seem to make room.
	owed, inHand := s.owes()
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return Space{}, 0, err
	}
	is = Space{Free: int64(usage.AvailBytes), Total: int64(usage.TotalBytes), Owed: owed}
	is.Reserve = cmp.Or(s.configured, min(s.logBytes, is.Total/reservePart))
	return is, is.Free - owed - inHand, nil
}

// lookNow decides on a level that follows another. It is called with looking held.
func (s *space) lookNow(follows SpaceLevel) error {
	is, left, err := s.measure()
	if err != nil {
		return err
	}
	was := *s.last.Load()
	spare := is.Free - is.Owed
	is.Level = levelOf(spare, is.Reserve, follows)
	if s.failing.Load() && s.behind.Load() {
		is.Level = max(is.Level, SpaceLow)
	}
	s.spare.Store(spare)
	s.left.Store(left)
	s.last.Store(&is)
	above := min(aboveNext(spare, is.Reserve), aboveNext(left, is.Reserve))
	s.budget.Store(min(mostBudget, max(leastBudget, above/budgetPart)))
	s.batch.Store(min(int64(s.batchBytes), max(leastBatch, (left-is.Reserve/2)/int64(batchesPart*s.shards))))
	s.level.Store(uint32(is.Level))
	s.changed(was, is)
	return nil
}

// levelOf is what spare bytes allow.
func levelOf(spare, reserve int64, was SpaceLevel) SpaceLevel {
	switch low, scarce := reserve, reserve/2; {
	case spare < scarce, was == SpaceScarce && spare < scarce*5/4:
		return SpaceScarce
	case spare < low, was != SpaceAmple && spare < low*5/4:
		return SpaceLow
	}
	return SpaceAmple
}

// aboveNext is how much there is above the next threshold.
func aboveNext(spare, reserve int64) int64 {
	for _, threshold := range []int64{2 * reserve, reserve, reserve * 5 / 8, reserve / 2, reserve / 4} {
		if spare >= threshold {
			return spare - threshold
		}
	}
	return 0
}

// Space says how the disk is, as of the last look.
func (j *Journal) Space() Space { return *j.space.last.Load() }

// Takes reports whether the disk has room for a transaction of a size. One that
// it has no room for waits for it in Append.
func (j *Journal) Takes(size int) bool { return size < largeTransaction || j.space.takes(int64(size)) }

// owed is what a flush would write, and what is written whatever happens before
// that is owed. What goes on from one to the next meanwhile counts twice.
//
// Log that was materialized is in the tables. Before the log has been read it is
// all of it, at most: Pebble compacts already.
func (j *Journal) owed() (owed, inHand int64) {
	if !j.replayed.Load() {
		return j.unread, 0
	}
	if j.started.Load() {
		for _, s := range j.shards {
			inHand += 2 * s.inHand.Load()
		}
	}
	inHand += j.commit.inHand.Load()
	return j.overlay.size() + j.tables.Owed(), inHand
}

// spaceChanged is called after each look.
func (j *Journal) spaceChanged(was, is Space) {
	if was.Level != is.Level {
		j.opts.Space(is)
	}
	if !j.started.Load() {
		return
	}
	if j.space.tight() {
		j.materializer.due.Store(true)
	}
	j.resumeMaterialization()
	j.signalRoom()
}

// mayMaterialize reports whether the tables can take more: there is room for it,
// and compactions are not far behind. Until then it is left to the log.
// But for those that fail for want of room nothing is gained by waiting: no messages are
// accepted then, and those that are in the node need the log. Pebble picks a compaction
// that has failed again only after a flush, so that, whatever the last one has come to,
// one goes through now and then.
func (j *Journal) mayMaterialize() bool {
	behind := j.tables.Behind()
	j.space.behind.Store(behind)
	if short := j.space.short(); short || !behind || j.space.failing.Load() {
		return !short
	}
	now := j.opts.Environment.Clock.Now()
	if now.Sub(j.materializer.prodded).Abs() < lastRetry {
		return false
	}
	j.materializer.prodded = now
	return true
}

// resumeMaterialization is called when it may have become possible.
func (j *Journal) resumeMaterialization() {
	if j.started.Load() && j.materializer.due.Load() {
		j.materializeTask.Wake()
	}
}
