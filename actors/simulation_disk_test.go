package actors

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// disk is the simulated node's disk: slow syncs, errors, power cuts.
type disk struct {
	simulation *simulation
	files      *vfs.MemFS
	memory     *tables.Memory // nil: Pebble
	pebble     tables.Tables
	slow       int  // percent of what may be delayed is
	syncing    bool // a sync takes its time
	failing    bool // the next write fails
	failed     bool
}

var errDisk = errors.New("simulated I/O error")

// of returns the disk as a process sees it. Only the journal's log is on it, and
// the tables, which Pebble reads and writes directly.
func (d *disk) of(process *environment.Process) vfs.FS {
	s := d.simulation
	return errorfs.Wrap(d.files, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if process != s.process || s.engine == nil {
			return nil
		}
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileWriteAt:
		case errorfs.OpFileWrite, errorfs.OpCreate, errorfs.OpRename, errorfs.OpRemove:
			return d.mayFail()
		default:
			return nil
		}
		// Before the sync the data may be lost; before the write of the witness it
		// is safe, but nobody knows.
		if op.Kind != errorfs.OpFileWriteAt || strings.HasSuffix(op.Path, "witness") {
			d.syncing = true
			s.delay(process)
			d.syncing = false
		}
		return d.mayFail()
	}))
}

func (d *disk) mayFail() error {
	if !d.failing || d.simulation.rng.IntN(3) > 0 {
		return nil
	}
	d.failing, d.failed = false, true
	return errDisk
}

// breakDown makes one of the next writes fail. It is for the engine to find out;
// the process ends then.
func (d *disk) breakDown() { d.failing = true }

// open returns the tables of the next process.
func (d *disk) open() tables.Tables {
	if d.memory != nil {
		return d.memory
	}
	var err error
	d.pebble, err = tables.OpenPebble(tables.Options{FS: d.files, Dir: "/data/tables", CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	d.simulation.must(err)
	return d.pebble
}

// crash leaves what a power cut may.
func (d *disk) crash(percent int) {
	d.failing, d.failed, d.syncing = false, false, false
	rng := d.simulation.rng
	if d.memory == nil {
		d.files = d.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
		d.end() // its goroutines; what they write is lost
		return
	}
	d.memory.Crash(rng.IntN(d.memory.Unsaved() + 1))
	d.files = environment.CrashFiles(d.files, percent, rng)
}

// close leaves what is safe after a stop, which must be everything.
func (d *disk) close() {
	d.failing, d.failed, d.pebble = false, false, nil
	d.files = environment.CrashFiles(d.files, 0, nil)
	if d.memory != nil {
		d.memory.Crash(0)
	}
}

func (d *disk) end() {
	if d.pebble != nil {
		d.simulation.must(d.pebble.Close())
		d.pebble = nil
	}
}
