package persistence

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
	"github.com/statefun-go/statefun/persistence/wal"
)

// Options configure a journal.
type Options struct {
	Environment *environment.Environment
	// Dir holds the journal's log and tables.
	Dir string
	// KeyGroups is fixed when an application is created. Defaults to 128.
	KeyGroups int
	// Workers is the number of shards besides the one for everybody else.
	Workers int

	// BatchBytes is where an open batch is full. Defaults to 8 MiB.
	BatchBytes int
	// LogBytes bounds the log; appends wait at the bound. A larger log lets
	// more changes coalesce and makes recovery longer. Defaults to 256 MiB.
	LogBytes int64
	// MaterializeBytes of log begin a materialization. Defaults to a quarter of
	// LogBytes.
	MaterializeBytes int64
	// OverlayBytes of rows in memory begin one, too, or three times as much of
	// records; they bound each of the overlay's two generations. Defaults to an
	// eighth of LogBytes.
	OverlayBytes int64
	// MaterializeEvery begins one when less has come together. Defaults to 5 s.
	MaterializeEvery time.Duration
	// CacheBytes is the tables' block cache. Defaults to 96 MiB.
	CacheBytes int64
	// DiskReserve is the free disk space in bytes below which SpaceLow begins;
	// SpaceScarce begins at half of it. Defaults to LogBytes, or a tenth of the
	// disk if that is less. Negative: nobody looks.
	DiskReserve int64
	// VerifyBytes is the size of the tables up to which Open verifies them, while it
	// reads the log; larger ones are verified in the background after Start. Defaults
	// to 32 MiB, which takes less than 100 ms. Negative: none.
	VerifyBytes int64

	// Tables replaces Pebble, for simulation.
	Tables tables.Tables

	// Deliver takes messages that were appended: it sets their sequences and
	// queues them. It runs under the appender's shard and must be quick.
	Deliver func([]*Message)
	// Highest is the highest sequence given out, as of a moment when nothing is
	// being delivered.
	Highest func() Sequence
	// Room is called when an Append that got ErrFull may be tried again.
	Room func()
	// Synced is called with every batch that became durable, after its egress
	// records are readable.
	Synced func(n BatchNumber)
	// Egress takes the records of a durable batch in the order of their sequences.
	Egress func([]EgressRecord)
	// Space is called when the level of the disk's free space has changed. It
	// must not block.
	Space func(Space)
	// Stopped is called once when an I/O error has stopped the journal.
	Stopped func(error)

	readOnly bool                    // of a View
	onLog    func(done, total int64) // bytes of the log that were read
}

func (o *Options) setDefaults() {
	o.KeyGroups = cmp.Or(o.KeyGroups, DefaultKeyGroups)
	o.BatchBytes = cmp.Or(o.BatchBytes, 8<<20)
	o.LogBytes = cmp.Or(o.LogBytes, 256<<20)
	o.MaterializeBytes = cmp.Or(o.MaterializeBytes, o.LogBytes/4)
	o.OverlayBytes = cmp.Or(o.OverlayBytes, o.LogBytes/8)
	o.MaterializeEvery = cmp.Or(o.MaterializeEvery, 5*time.Second)
	o.CacheBytes = cmp.Or(o.CacheBytes, 96<<20)
	o.VerifyBytes = cmp.Or(o.VerifyBytes, 32<<20)
	if o.Room == nil {
		o.Room = func() {}
	}
	if o.Synced == nil {
		o.Synced = func(BatchNumber) {}
	}
	if o.Egress == nil {
		o.Egress = func([]EgressRecord) {}
	}
	if o.Space == nil {
		o.Space = func(Space) {}
	}
	if o.Stopped == nil {
		o.Stopped = func(error) {}
	}
}

// Journal is the ordered, durable record of a node's transactions. Its methods
// are safe for concurrent use.
type Journal struct {
	opts    Options
	log     *wal.Log
	tables  tables.Tables
	shards  []*Shard
	overlay overlay
	inboxes inboxes
	specs   specs
	space   *space
	admission

	deliver        func([]*Message)
	egressSequence atomic.Uint64
	recovered      Sequence   // highest of the last run
	extent         wal.Extent // of a View

	commitTask environment.Task
	commit     committer
	durable    atomic.Uint64

	materializeTask environment.Task
	materializer    materializer
	scrub           scrubber

	replayed  atomic.Bool // the overlay is complete
	unread    int64       // bytes of log at the start
	started   atomic.Bool // Start was called
	closeOnce sync.Once
	metrics   metrics
}

// Open recovers the journal in a directory, or creates it. Nothing is delivered
// and nobody may append before Start.
func Open(opts Options) (*Journal, error) {
	opts.setDefaults()
	j := &Journal{opts: opts, deliver: opts.Deliver, space: newSpace(&opts)}
	j.overlay.init()
	j.inboxes.init(opts.KeyGroups)
	if err := j.open(); err != nil {
		return nil, errors.Join(err, j.closeFiles())
	}
	return j, nil
}

func (j *Journal) open() error {
	fs, dir := j.opts.Environment.FS, j.opts.Dir
	logDir := fs.PathJoin(dir, "log")
	if err := makeDirs(fs, logDir); err != nil {
		return err
	}
	j.unread = j.logSize(logDir)
	j.space.begin(j.owed, j.spaceChanged, j.resumeMaterialization) // Pebble compacts as soon as it is open
	j.tables = j.opts.Tables
	if j.tables == nil {
		t, err := tables.OpenPebble(tables.Options{
			FS: fs, Dir: j.tablesDir(), CacheBytes: j.opts.CacheBytes, Fatal: j.fatal, Disk: j.space, CompactLater: true,
		})
		if err != nil {
			return err
		}
		j.tables = t
	}
	verified := j.verifyAtStart()
	err := j.recover(logDir, verified)
	if damaged := verified(); damaged != nil {
		return damaged // perhaps the rest failed of it
	}
	if err != nil {
		return err
	}
	j.replayed.Store(true)
	j.space.lookAnew() // what was owed before was too much, perhaps
	return nil
}

// readLog reads the log above after and goes on with it, unless the journal is
// only looked at.
func (j *Journal) readLog(dir string, after uint64, ready func() error, apply func(uint64, []byte) error) (err error) {
	o := wal.Options{
		FS: j.opts.Environment.FS, Dir: dir, SegmentBytes: max(64<<10, j.opts.LogBytes/16),
		Random: j.opts.Environment.Random, OnProgress: j.opts.onLog, Ready: ready,
	}
	if j.opts.readOnly {
		j.extent, err = wal.Read(o, after, apply)
	} else {
		j.log, err = wal.Open(o, after, apply)
	}
	if t, ok := j.tables.(interface{ Manifest() string }); ok && errors.Is(err, wal.ErrBeginsLate) {
		return fmt.Errorf("%w (or %s is damaged at its end, so that the tables have lost what was flushed last)", err, t.Manifest())
	}
	return err
}

func (j *Journal) tablesDir() string {
	return j.opts.Environment.FS.PathJoin(j.opts.Dir, "tables")
}

// makeDirs makes a directory and its parents so that a crash does not unmake
// them: a name is durable once the directory that it is in was synced.
func makeDirs(fs vfs.FS, path string) error {
	if err := fs.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("persistence: %w", err)
	}
	for parent := fs.PathDir(path); parent != path; path, parent = parent, fs.PathDir(parent) {
		d, err := fs.OpenDir(parent)
		if errors.Is(err, os.ErrPermission) {
			return nil // it was there before us
		}
		if err != nil {
			return fmt.Errorf("persistence: %w", err)
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return fmt.Errorf("persistence: %w", err)
		}
	}
	return nil
}

// Start begins to take transactions.
func (j *Journal) Start() {
	next := BatchNumber(j.log.Last()) + 1
	j.durable.Store(j.log.Last())
	for range j.opts.Workers + 1 {
		j.shards = append(j.shards, &Shard{journal: j, number: next, part: &batchPart{}})
	}
	j.commit.next = next
	j.commit.open.Store(uint64(next))
	d := j.opts.Environment.Dispatcher
	j.materializeTask = d.Start("materialize", j.materializeStep) // the committer wakes it
	j.commitTask = d.Start("commit", j.commitStep)
	j.materializer.arm(j)
	if j.opts.Tables == nil {
		j.scrub.start(j)
	}
	j.started.Store(true)
	j.space.start(d)
}

// Shard returns the entrance of worker i; Outside that of everybody else.
func (j *Journal) Shard(i int) *Shard { return j.shards[i] }

// Outside is the shard for transactions without a record.
func (j *Journal) Outside() *Shard { return j.shards[len(j.shards)-1] }

// Durable is the newest batch that is durable and that reads show.
func (j *Journal) Durable() BatchNumber { return BatchNumber(j.durable.Load()) }

// Open is the number of a batch that is not older than anything appended so far.
func (j *Journal) Open() BatchNumber { return BatchNumber(j.commit.open.Load()) }

// Settled reports whether everything that was appended is durable.
func (j *Journal) Settled() bool {
	for _, s := range j.shards {
		if !s.empty() {
			return false
		}
	}
	return j.Durable()+1 == j.Open()
}

// Recovered is the highest sequence that was given out before the journal was
// opened.
func (j *Journal) Recovered() Sequence { return j.recovered }

// Err is why the journal has stopped, nil while it runs.
func (j *Journal) Err() error {
	if err := j.stopped.Load(); err != nil {
		return *err
	}
	return nil
}

// stop refuses everything from now on. The first reason counts.
func (j *Journal) stop(reason error) {
	err := ErrStopped
	if reason != nil {
		err = fmt.Errorf("%w: %w", ErrStopped, reason)
	}
	if j.stopped.CompareAndSwap(nil, &err) && reason != nil {
		j.opts.Stopped(err)
	}
	j.opts.Room() // whoever waits finds out
}

func (j *Journal) fatal(err error) { j.stop(err) }

// Close makes durable and materializes what was appended, and releases the
// files. Nobody may append any more. A journal that was never started is left as
// it is.
func (j *Journal) Close() error {
	var err error
	j.closeOnce.Do(func() { err = j.close() })
	return err
}

func (j *Journal) close() error {
	started := j.stopTasks()
	for started && j.Err() == nil && j.commitStep() {
	}
	err := j.Err()
	if started && err == nil && j.mayMaterialize() {
		err = j.materialize(true)
	}
	j.stop(nil)
	return errors.Join(err, j.closeFiles())
}

// stopTasks reports whether there are any: Start may never have been called.
func (j *Journal) stopTasks() (started bool) {
	if j.commitTask == nil {
		return false
	}
	j.scrub.stop()
	j.materializer.disarm()
	j.space.stop()
	j.materializeTask.Stop()
	j.commitTask.Stop()
	return true
}

// Abort releases the files without another write: what a crash would leave,
// except that synced files stay as they are.
func (j *Journal) Abort() error {
	var err error
	j.closeOnce.Do(func() {
		j.stop(nil)
		j.stopTasks()
		err = j.closeFiles()
	})
	return err
}

func (j *Journal) closeFiles() error {
	var errs []error
	if j.log != nil {
		errs = append(errs, j.log.Close())
	}
	if j.tables != nil {
		errs = append(errs, j.tables.Close())
	}
	return errors.Join(errs...)
}
