package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

const testDir = "log"

// bench is a log under test with the files that it is in.
type bench struct {
	testing.TB
	fs   *vfs.MemFS
	opts Options
	*Log

	looks int
}

func setup(t testing.TB) *bench {
	t.Helper()
	return setupOn(t, vfs.NewCrashableMem())
}

func setupOn(t testing.TB, fs *vfs.MemFS) *bench {
	t.Helper()
	return &bench{TB: t, fs: fs, opts: Options{
		FS:           fs,
		Dir:          testDir,
		SegmentBytes: 512,
		Random:       rand.NewPCG(1, 2),
	}}
}

// payloadOf is what the tests put into a batch: its number and some more bytes.
func payloadOf(batch uint64) []byte {
	return fmt.Appendf(nil, "batch %d %s", batch, bytes.Repeat([]byte{byte(batch)}, int(batch*7%40)))
}

// read opens the log and returns the last batch that it gave. Batches that are
// not the expected ones fail the test.
func (b *bench) read(after uint64) (uint64, error) {
	b.Helper()
	if b.opts.FS != vfs.FS(b.fs) || b.opts.OnProgress != nil {
		return b.readOpen(after) // its errors and calls are counted
	}
	extent, looked := b.look(after)
	last, err := b.readOpen(after)
	switch {
	case (err == nil) != (looked == nil), err != nil && strings.Replace(err.Error(), "open", "read", 1) != looked.Error():
		b.Fatalf("Read returned %v, Open %v", looked, err)
	case err == nil && extent.Last != b.Last():
		b.Fatalf("Read ended at batch %d, Open at %d", extent.Last, b.Last())
	}
	return last, err
}

// look reads the log without a change.
func (b *bench) look(after uint64) (Extent, error) {
	b.Helper()
	var before map[string]string
	if b.looks++; b.looks%16 == 1 { // it takes long
		before = b.everything()
	}
	last := after
	e, err := Read(b.opts, after, func(batch uint64, payload []byte) error {
		b.Helper()
		if last++; batch != last || !bytes.Equal(payload, payloadOf(batch)) {
			b.Fatalf("got batch %d %q, expected batch %d %q", batch, payload, last, payloadOf(last))
		}
		return nil
	})
	if before != nil && !maps.Equal(before, b.everything()) {
		b.Fatal("Read has changed a file")
	}
	return e, err
}

// everything is what the files hold.
func (b *bench) everything() map[string]string {
	b.Helper()
	names, err := b.fs.List(testDir)
	if oserror.IsNotExist(err) {
		return nil
	}
	b.must(err)
	all := map[string]string{}
	for _, name := range names {
		f, err := b.fs.Open(b.fs.PathJoin(testDir, name))
		b.must(err)
		c, err := io.ReadAll(f)
		b.must(errors.Join(err, f.Close()))
		all[name] = string(c)
	}
	return all
}

func (b *bench) readOpen(after uint64) (uint64, error) {
	b.Helper()
	last := after
	log, err := Open(b.opts, after, func(batch uint64, payload []byte) error {
		b.Helper()
		if last++; batch != last || !bytes.Equal(payload, payloadOf(batch)) {
			b.Fatalf("got batch %d %q, expected batch %d %q", batch, payload, last, payloadOf(last))
		}
		return nil
	})
	if b.Log = log; err != nil {
		return last, err
	}
	if log.Last() != last {
		b.Fatalf("Last is %d after batch %d was read", log.Last(), last)
	}
	return last, nil
}

// open expects an intact log.
func (b *bench) open(after, expected uint64) {
	b.Helper()
	last, err := b.read(after)
	if err != nil {
		b.Fatal(err)
	}
	if last != expected {
		b.Fatalf("the log ends at batch %d, expected %d", last, expected)
	}
}

// append appends batches up to last.
func (b *bench) append(last uint64) {
	b.Helper()
	for b.Last() < last {
		n := b.Last() + 1
		b.must(b.Append(n, payloadOf(n)))
	}
}

func (b *bench) sync() { b.Helper(); b.must(b.Sync()) }

func (b *bench) close() { b.Helper(); b.must(b.Close()) }

// kill is the death of the process: what was written stays, nothing is added.
func (b *bench) kill() { b.Helper(); b.must(b.closeFiles()) }

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// expectDamage fails unless err says that the log is damaged, and where.
func (b *bench) expectDamage(err error) *DamageError {
	b.Helper()
	var d *DamageError
	if !errors.Is(err, ErrDamaged) || !errors.As(err, &d) || d.File == "" || d.Reason == "" {
		b.Fatalf("got %v, expected a DamageError", err)
	}
	return d
}

// segments returns the log's segments.
func (b *bench) segments() []segment {
	b.Helper()
	files, err := b.opts.directory().list()
	b.must(err)
	return files.segments
}

func (b *bench) newest() string {
	b.Helper()
	s := b.segments()
	return s[len(s)-1].path
}

func (b *bench) witnessPath() string { return b.opts.directory().witnessPath() }

func (b *bench) content(path string) []byte {
	b.Helper()
	f, err := b.fs.Open(path)
	b.must(err)
	defer f.Close()
	content, err := io.ReadAll(f)
	b.must(err)
	return content
}

// replace replaces a file durably; nil removes it.
func (b *bench) replace(path string, content []byte) {
	b.Helper()
	if content == nil {
		b.must(b.fs.Remove(path))
	} else {
		f, err := b.fs.Create(path, vfs.WriteCategoryUnspecified)
		b.must(err)
		_, err = f.Write(bytes.Clone(content))
		b.must(errors.Join(err, f.Sync(), f.Close()))
	}
	b.must(b.opts.directory().sync())
}

// setWitness makes the witness one of the given batch, as if what was written
// since had not reached the disk.
func (b *bench) setWitness(batch uint64) {
	b.Helper()
	w, err := openWitness(b.opts.directory())
	b.must(err)
	for range witnessSlots {
		b.must(w.put(batch))
	}
	b.must(w.close())
}

// copy returns a bench on a copy of the files, for a test that breaks them.
func (b *bench) copy(t testing.TB) *bench {
	t.Helper()
	cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))}
	return setupOn(t, b.fs.CrashClone(cfg))
}

// inject makes the log's file system fail where the injector says.
func (b *bench) inject(f func(errorfs.Op) error) {
	b.opts.FS = errorfs.Wrap(b.fs, errorfs.InjectorFunc(f))
}
