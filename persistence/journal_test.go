package persistence

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/tables"
)

// inject makes operations in the log's directory fail where fail says, which is
// asked about each operation that writes.
func (b *bench) inject(fail func() bool) {
	b.opts.Environment.FS = errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasPrefix(op.Path, logDir) && fail() {
			return errorfs.ErrInjected
		}
		return nil
	}))
}

// TestAnErrorOfTheLogStopsTheJournal lets each operation on the log's files fail
// in turn. The journal stops with the reason, acknowledges nothing on doubt, and
// what it had acknowledged is there afterwards.
func TestAnErrorOfTheLogStopsTheJournal(t *testing.T) {
	t.Parallel()
	failures := 0
	for failing := 0; ; failing++ {
		b := setup(t)
		b.opts.LogBytes, b.opts.MaterializeBytes, b.opts.OverlayBytes = 300<<10, 1<<30, 1<<30 // so that segments follow each other and go
		operations, failed := -1, false
		b.inject(func() bool {
			if operations >= 0 {
				operations++
			}
			failed = failed || operations == failing+1
			return failed // a disk that failed once does not come back
		})
		b.start()
		operations = 0 // opening has its own tests, in package wal
		w := &workload{bench: b, failed: &failed}
		for i := range 12 {
			w.append(i)
		}
		if failed {
			w.checkStopped()
		}
		err := b.Close()
		if !failed {
			b.must(err)
			break
		}
		b.mustBe(err, errorfs.ErrInjected)
		failures++
		b.sim.Crash()
		b.opts.Environment = b.sim.Process(b.fs).Environment()
		b.memory.Crash(0)
		b.start()
		for i := range w.acknowledged {
			if _, ok := b.get(fmt.Sprint(i)); !ok {
				t.Errorf("operation %d: row %d was acknowledged and is gone", failing, i)
			}
		}
		b.must(b.Close())
	}
	if failures < 30 {
		t.Errorf("%d operations failed", failures)
	}
}

// workload appends rows until the journal has stopped.
type workload struct {
	*bench
	failed       *bool
	acknowledged int
	refused      error
}

func (w *workload) append(i int) {
	w.Helper()
	tx := rowOf(fmt.Sprint(i), 40<<10)
	tx.Egress = []EgressRecord{{Egress: emails}}
	tx.Durable = append(tx.Durable, func() {
		// What happens to the log's segments afterwards may fail and still be no
		// doubt about the batch.
		if *w.failed && w.Err() != nil {
			w.Error("acknowledged after the journal has stopped")
		}
		w.acknowledged++
	})
	if _, err := w.Outside().Append(tx); err != nil {
		w.refused = err
		return
	}
	w.settle()
}

func (w *workload) checkStopped() {
	w.Helper()
	w.mustBe(w.Err(), ErrStopped)
	w.mustBe(w.Err(), errorfs.ErrInjected)
	if len(w.reasons) != 1 || !errors.Is(w.reasons[0], errorfs.ErrInjected) {
		w.Errorf("Stopped was told %v", w.reasons)
	}
	if w.refused != nil && (!errors.Is(w.refused, ErrStopped) || !errors.Is(w.refused, errorfs.ErrInjected)) {
		w.Errorf("Append was refused with %v", w.refused)
	}
	_, err := w.Outside().Append(rowOf("late", 1))
	w.mustBe(err, ErrStopped)
	w.mustBe(w.Outside().AppendNow(rowOf("late", 1)), ErrStopped)
	if w.rooms == 0 {
		w.Error("whoever waits for room was not told")
	}
	if n := len(w.egress); n != w.acknowledged || len(w.synced) != w.acknowledged {
		w.Errorf("%d batches synced, %d egress records released, %d acknowledged", len(w.synced), n, w.acknowledged)
	}
	if _, ok := w.get(fmt.Sprint(w.acknowledged)); ok {
		w.Error("a read shows what was not acknowledged")
	}
}

// The write and the sync of a batch, by name.
func TestAnErrorOfWriteOrSync(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]errorfs.OpKind{
		"write": {errorfs.OpFileWrite, errorfs.OpFileWriteAt},
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
	} {
		b := setup(t)
		broken := false
		b.opts.Environment.FS = errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			for _, k := range kinds {
				if broken && op.Kind == k {
					return errorfs.ErrInjected
				}
			}
			return nil
		}))
		b.start()
		b.put("before", "")
		broken = true
		tx := rowOf("after", 1)
		tx.Durable = append(tx.Durable, func() { t.Errorf("%s: acknowledged", name) })
		b.append(tx)
		b.settle()
		b.mustBe(b.Err(), errorfs.ErrInjected)
		if b.Durable() != 1 || len(b.synced) != 1 {
			t.Errorf("%s: batch %d is durable, synced %v", name, b.Durable(), b.synced)
		}
		b.mustBe(b.Close(), errorfs.ErrInjected)
	}
}

// failing are tables of which one operation fails.
type failing struct {
	tables.Tables
	operation string
}

func (f *failing) fail(operation string) error {
	if operation == f.operation {
		return errorfs.ErrInjected
	}
	return nil
}

func (f *failing) Apply(b *tables.Batch) error {
	return errors.Join(f.fail("apply"), f.Tables.Apply(b))
}

func (f *failing) Flush() error { return errors.Join(f.fail("flush"), f.Tables.Flush()) }

func (f *failing) Flushed(key []byte) ([]byte, bool, error) {
	v, ok, err := f.Tables.Flushed(key)
	return v, ok, errors.Join(f.fail("flushed"), err)
}

func (f *failing) Get(key, dst []byte) ([]byte, bool, error) {
	v, ok, err := f.Tables.Get(key, dst)
	return v, ok, errors.Join(f.fail("get"), err)
}

func (f *failing) Scan(low, high []byte, visit func(key, value []byte) bool) error {
	return errors.Join(f.fail("scan"), f.Tables.Scan(low, high, visit))
}

// Tables that fail stop the journal, and nothing that was durable is lost.
func TestAnErrorOfTheTablesStopsTheJournal(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"apply", "flush", "flushed"} {
		b := setup(t)
		f := &failing{Tables: b.memory, operation: operation}
		b.opts.Tables, b.opts.LogBytes = f, 1000
		b.start()
		b.put("row", "value")
		b.append(rowOf("bytes", 2000)) // begins a materialization, and a flush
		b.settle()
		b.mustBe(b.Err(), errorfs.ErrInjected)
		if len(b.reasons) != 1 || b.Durable() != 2 {
			t.Errorf("%s: reasons %v, batch %d is durable", operation, b.reasons, b.Durable())
		}
		if v, _ := b.get("row"); v != "value" {
			t.Errorf("%s: the row is %q", operation, v)
		}
		b.mustBe(b.Close(), errorfs.ErrInjected)
		f.operation = ""
		b.crash()
		if v, _ := b.get("row"); v != "value" {
			t.Errorf("%s: the row is %q after a crash", operation, v)
		}
		b.must(b.Close())
	}
}

// An error of the tables is an error of the read, and of opening the journal.
func TestErrorsOfReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := &failing{Tables: b.memory}
	b.opts.Tables = f
	b.start()
	r := b.record("Ada")
	b.send("Ada", "one")
	b.append(largeCell(r, "large", true))
	b.materialize()
	b.restart()
	for operation, reads := range map[string][]func() error{
		"get": {
			func() error { _, err := b.Load(r); return err },
			func() error { _, _, err := b.Get([]byte("row")); return err },
			func() error { _, _, err := b.ReadInbox(r, 0, true, 64); return err },
			func() error { _, _, err := b.DropInbox(r); return err },
		},
		"scan": {
			func() error { _, _, err := b.Scan(TimerRange(0), 1); return err },
			func() error { return b.ScanAll(TimerRange(0), func(Row) bool { return true }) },
			func() error { return b.Addresses(0, func(functions.Address) bool { return true }) },
		},
		"apply": {func() error { return b.Spill(Spilling{r, b.send("Ada", "two")}) }},
	} {
		f.operation = operation
		for i, read := range reads {
			if err := read(); !errors.Is(err, errorfs.ErrInjected) {
				t.Errorf("%s %d: got %v", operation, i, err)
			}
		}
		f.operation = ""
	}
	b.must(b.Close())
	b.opts.Environment = b.sim.Process(b.fs).Environment()
	for _, f.operation = range []string{"get", "scan"} {
		if err := b.open(); !errors.Is(err, errorfs.ErrInjected) {
			t.Errorf("%s: Open got %v", f.operation, err)
		}
	}
}

// Close makes durable and materializes what was appended: the next start finds
// an empty overlay and has nothing to replay.
func TestCloseMaterializes(t *testing.T) {
	t.Parallel()
	b := started(t)
	acknowledged := false
	tx := rowOf("row", 10)
	tx.Durable = append(tx.Durable, func() { acknowledged = true })
	b.append(tx)
	b.send("Ada", "one")
	b.must(b.Close())
	if !acknowledged || b.memory.Unsaved() != 0 {
		t.Errorf("acknowledged %t, %d batches not flushed", acknowledged, b.memory.Unsaved())
	}
	b.must(b.Close())
	b.must(b.Abort())
	_, err := b.Outside().Append(rowOf("late", 1))
	b.mustBe(err, ErrStopped)
	if len(b.reasons) != 0 {
		t.Errorf("Stopped was told %v", b.reasons)
	}

	b.reopen(b.fs)
	if m := b.Metrics(); m.OverlayBytes != 0 || b.overlay.active.rows.Len() != 0 || b.overlay.active.records.len() != 0 {
		t.Errorf("the overlay has %d bytes", m.OverlayBytes)
	}
	if _, ok := b.get("row"); !ok || b.Durable() != 1 {
		t.Errorf("the row is there: %t, batch %d is durable", ok, b.Durable())
	}
	b.must(b.Close())
}

// A journal that was opened and never started can be closed.
func TestCloseBeforeStart(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Journal) error{"Close": (*Journal).Close, "Abort": (*Journal).Abort} {
		b := started(t)
		b.put("row", "value")
		b.sim.Crash()
		b.opts.Environment = b.sim.Process(b.fs).Environment()
		b.must(b.open())
		if err := end(b.Journal); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.reopen(b.fs)
		if v, _ := b.get("row"); v != "value" {
			t.Errorf("%s: the row is %q", name, v)
		}
		b.must(b.Close())
	}
}

// Abort leaves the files as they are.
func TestAbortDoesNotWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	aborting := false
	b.opts.Environment.FS = errorfs.Wrap(b.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpCreate, errorfs.OpRename, errorfs.OpRemove, errorfs.OpFileWrite, errorfs.OpFileWriteAt:
			if aborting {
				t.Errorf("Abort does %v on %s", op.Kind, op.Path)
			}
		}
		return nil
	}))
	b.start()
	b.put("row", "value")
	b.materialize()
	unsaved := b.memory.Unsaved()
	b.append(rowOf("lost", 1))
	aborting = true
	b.must(b.Abort())
	b.must(b.Abort())
	b.must(b.Close())
	_, err := b.Outside().Append(rowOf("late", 1))
	b.mustBe(err, ErrStopped)
	if b.memory.Unsaved() != unsaved || len(b.reasons) != 0 {
		t.Errorf("%d batches in the tables, Stopped was told %v", b.memory.Unsaved(), b.reasons)
	}
	b.reopen(b.fs)
	if _, ok := b.get("lost"); ok {
		t.Error("Abort has made durable what was appended")
	}
	if v, _ := b.get("row"); v != "value" {
		t.Errorf("the row is %q", v)
	}
	b.must(b.Close())
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.append(&Transaction{Record: b.record("Ada"), Messages: b.send("Ada", "one"), Nudge: 1})
	b.send("Ada", "two")
	b.settle()
	b.put("row", "value")
	m := b.Metrics()
	if m.Batches != 2 || m.MessagesSent != 2 || m.MessagesElided != 1 || m.LogBytesWritten == 0 ||
		m.OverlayBytes != int64(m.LogBytesWritten) || m.LogBytes < m.OverlayBytes || m.LastSync <= 0 || m.LastSync > time.Second {
		t.Errorf("got %+v", m)
	}
	b.materialize()
	if m := b.Metrics(); m.Materializations != 1 || m.OverlayBytes != 0 {
		t.Errorf("got %+v after a materialization", m)
	}
	b.must(b.Close())
}

// The directories are durable once they are made.
func TestMakeDirs(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	if err := makeDirs(fs, "/a/b/c"); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.CrashClone(vfs.CrashCloneCfg{}).Stat("/a/b/c"); err != nil {
		t.Errorf("after a crash: %v", err)
	}
}

// A journal is settled only when the open batch is empty, not when nobody has
// sealed it yet.
func TestSettled(t *testing.T) {
	t.Parallel()
	b := started(t)
	if !b.Settled() {
		t.Error("a journal without transactions is not settled")
	}
	b.append(&Transaction{Record: b.record("Ada"), Nudge: 1})
	for steps := 0; b.Durable() == 0; steps++ {
		if b.Settled() {
			t.Fatalf("settled after %d steps, with nothing durable", steps)
		}
		b.sim.Step()
	}
	b.settle()
	if !b.Settled() {
		t.Error("not settled when all is durable")
	}
	b.must(b.Close())
}
