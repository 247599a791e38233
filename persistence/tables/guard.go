package tables

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Disk is asked about the space that Pebble takes. Its methods are called from
// goroutines of Pebble's.
type Disk interface {
	// Wrote is told of bytes that were written.
	Wrote(n int64)
	// MayCompact reports whether a compaction may take n bytes more. If not it ends,
	// and gives back what it has taken.
	MayCompact(n int64) bool
	// Compacted is told of the end of a compaction. It must not block.
	Compacted(err error)
	// Retry is closed when a compaction may be tried again, after so many in a row
	// that failed. It is asked once per failure.
	Retry(failures int) <-chan struct{}
}

// errFrozen is what Pebble gets when its files are not to change any more.
var errFrozen = errors.New("tables: stopped by an earlier error")

// errCompaction ends a compaction that would take the last space.
var errCompaction = errors.New("tables: too little free space for a compaction")

// A guard is the file system that Pebble gets. It counts what is written, ends
// compactions that would take the last space, and makes an end at the first
// write that fails: Pebble itself would try to flush again and again without a
// pause, and ends the process if its manifest cannot be written.
//
// The end is to freeze. From then on the files stay as a crash in that moment
// would leave them, and what Pebble goes on to write is kept in memory, so that
// it can be read and closed as ever. What was asked to be durable is not: Flush
// and Flushed say so.
type guard struct {
	vfs.FS
	disk    Disk        // may be nil
	fatal   func(error) // told of the first error once Pebble is open
	open    atomic.Bool
	flushed atomic.Int64

	mu      sync.Mutex // held to freeze
	reason  atomic.Pointer[error]
	memory  *vfs.MemFS // what was written since
	closing chan struct{}
	failed  atomic.Int32 // compactions in a row
	pause   atomic.Bool  // before the next one: the last one failed
}

func newGuard(fs vfs.FS, disk Disk, fatal func(error)) *guard {
	return &guard{FS: fs, disk: disk, fatal: fatal, memory: vfs.NewMem(), closing: make(chan struct{})}
}

// freeze ends all changes of the disk. The first reason counts.
func (g *guard) freeze(reason error) {
	g.mu.Lock()
	first := g.reason.Load() == nil
	if first {
		err := fmt.Errorf("tables: %w", reason)
		g.reason.Store(&err)
	}
	g.mu.Unlock()
	if first && g.open.Load() {
		g.fatal(*g.reason.Load())
	}
}

func (g *guard) frozen() bool { return g.reason.Load() != nil }

// err is why the files are frozen, nil while they are not.
func (g *guard) err() error {
	if reason := g.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

// compacted is told of the end of a compaction.
func (g *guard) compacted(err error) {
	if err == nil {
		g.failed.Store(0)
		g.pause.Store(false)
	}
	if g.disk != nil {
		g.disk.Compacted(err)
	}
}

// compactionFails makes the next one wait.
func (g *guard) compactionFails() {
	g.failed.Add(1)
	g.pause.Store(true)
}

// close lets go of compactions that wait for their next attempt.
func (g *guard) close() { close(g.closing) }

func (g *guard) wrote(n int) {
	if g.disk != nil && n > 0 {
		g.disk.Wrote(int64(n))
	}
}

// purpose is what a file is written for.
type purpose int

const (
	forFlush      purpose = iota
	forCompaction         // may fail: it is tried again
	forPebble             // manifest, markers, options: few and small, and must not fail
)

func purposeOf(c vfs.DiskWriteCategory) purpose {
	switch c {
	case "pebble-memtable-flush":
		return forFlush
	case "pebble-compaction", "pebble-blob-file-rewrite":
		return forCompaction
	}
	return forPebble
}

// Create implements vfs.FS.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	p := purposeOf(c)
	if p == forCompaction {
		if err := g.admitCompaction(); err != nil {
			return nil, err
		}
	}
	return g.openFile(name, p, g.FS.Create, c)
}

// OpenReadWrite implements vfs.FS.
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	open := func(name string, c vfs.DiskWriteCategory) (vfs.File, error) { return g.FS.OpenReadWrite(name, c, o...) }
	return g.openFile(name, purposeOf(c), open, c)
}

// ReuseForWrite implements vfs.FS. Only logs are used again, and there are none.
func (g *guard) ReuseForWrite(_, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.Create(name, c)
}

func (g *guard) openFile(
	name string, p purpose, create func(string, vfs.DiskWriteCategory) (vfs.File, error), c vfs.DiskWriteCategory,
) (vfs.File, error) {
	if !g.frozen() {
		f, err := create(name, c)
		if err == nil {
			return &guardedFile{File: f, guard: g, purpose: p}, nil
		}
		if p == forCompaction {
			g.compactionFails()
			return nil, err
		}
		g.freeze(err)
	}
	if err := g.memory.MkdirAll(g.PathDir(name), 0o700); err != nil {
		return nil, err
	}
	return g.memory.Create(name, c)
}

// admitCompaction waits until a compaction that follows failed ones may begin.
// It has begun with its first file: the others follow without a pause, however
// many there are. While Pebble opens, it waits for compactions itself.
func (g *guard) admitCompaction() error {
	open := g.open.Load()
	if g.disk != nil && open && !g.frozen() && g.pause.Swap(false) {
		select {
		case <-g.disk.Retry(int(g.failed.Load())):
		case <-g.closing:
			return errFrozen
		}
	}
	if g.frozen() {
		if open {
			<-g.closing
		}
		return errFrozen
	}
	return nil
}

// Open implements vfs.FS.
func (g *guard) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	if g.inMemory(name) {
		return g.memory.Open(name, o...)
	}
	return g.FS.Open(name, o...)
}

// Stat implements vfs.FS.
func (g *guard) Stat(name string) (vfs.FileInfo, error) {
	if g.inMemory(name) {
		return g.memory.Stat(name)
	}
	return g.FS.Stat(name)
}

func (g *guard) inMemory(name string) bool {
	if !g.frozen() {
		return false
	}
	_, err := g.memory.Stat(name)
	return err == nil
}

// Remove implements vfs.FS.
func (g *guard) Remove(name string) error {
	switch {
	case !g.frozen():
		return g.FS.Remove(name)
	case g.inMemory(name):
		return g.memory.Remove(name)
	}
	return nil
}

// RemoveAll implements vfs.FS.
func (g *guard) RemoveAll(name string) error {
	if g.frozen() {
		return nil
	}
	return g.FS.RemoveAll(name)
}

// Rename implements vfs.FS.
func (g *guard) Rename(from, to string) error {
	switch {
	case !g.frozen():
		return g.FS.Rename(from, to)
	case g.inMemory(from):
		return g.memory.Rename(from, to)
	}
	return nil
}

// Link implements vfs.FS.
func (g *guard) Link(from, to string) error {
	if g.frozen() {
		return errFrozen
	}
	return g.FS.Link(from, to)
}

// MkdirAll implements vfs.FS.
func (g *guard) MkdirAll(dir string, mode os.FileMode) error {
	if g.frozen() {
		return g.memory.MkdirAll(dir, mode)
	}
	return g.FS.MkdirAll(dir, mode)
}

// OpenDir implements vfs.FS.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: f, guard: g, purpose: forPebble}, nil
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// A guardedFile is a file on the disk that Pebble writes.
type guardedFile struct {
	vfs.File
	guard   *guard
	purpose purpose
}

// Write implements vfs.File.
func (f *guardedFile) Write(p []byte) (int, error) {
	return f.write(p, func() (int, error) { return f.File.Write(p) })
}

// WriteAt implements vfs.File.
func (f *guardedFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write(p, func() (int, error) { return f.File.WriteAt(p, off) })
}

func (f *guardedFile) write(p []byte, write func() (int, error)) (n int, err error) {
	g := f.guard
	if f.purpose == forCompaction && g.disk != nil && !g.disk.MayCompact(int64(len(p))) {
		g.compactionFails()
		return 0, errCompaction
	}
	err = f.change(func() (err error) {
		n, err = write()
		g.wrote(n)
		if f.purpose == forFlush {
			g.flushed.Add(int64(n))
		}
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

// change does something to the file, unless the files are frozen. An error of
// what must not fail freezes them. What has no other copy then seems to be done;
// a table is written again, to memory.
func (f *guardedFile) change(do func() error) error {
	g := f.guard
	if !g.frozen() {
		err := do()
		if err == nil {
			return nil
		}
		if f.purpose == forCompaction {
			g.compactionFails()
			return err
		}
		g.freeze(err)
	}
	if f.purpose == forPebble {
		return nil
	}
	return errFrozen
}

// Preallocate implements vfs.File.
func (f *guardedFile) Preallocate(offset, length int64) error {
	return f.change(func() error { return f.File.Preallocate(offset, length) })
}

// Sync implements vfs.File.
func (f *guardedFile) Sync() error { return f.change(f.File.Sync) }

// SyncData implements vfs.File.
func (f *guardedFile) SyncData() error { return f.change(f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *guardedFile) SyncTo(length int64) (full bool, err error) {
	err = f.change(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
