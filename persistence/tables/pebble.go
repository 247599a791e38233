package tables

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options says where Pebble keeps its files and how much memory it takes.
type Options struct {
	FS  vfs.FS
	Dir string
	// CacheBytes is the block cache. It must exceed the memtables in flight,
	// which Pebble reserves out of it. Defaults to 64 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one memtable. Defaults to 16 MiB.
	MemTableBytes uint64
	// ReadOnly changes nothing on disk.
	ReadOnly bool
	// Fatal is told of errors after which the process must not go on, damage that
	// a read or a compaction meets among them: the files stay then as they are.
	Fatal func(error)
	// Disk is asked about free space. Nil: there is enough.
	Disk Disk
	// CompactLater leaves compactions until the first Apply, or until BeginCompactions is
	// called: who starts has better use for the processors.
	CompactLater bool
}

func (o *Options) setDefaults() {
	o.CacheBytes = cmp.Or(o.CacheBytes, 64<<20)
	o.MemTableBytes = cmp.Or(o.MemTableBytes, 16<<20)
	if o.Fatal == nil {
		o.Fatal = func(error) {}
	}
}

// OpenPebble opens or creates the tables in a directory. It returns a
// DamageError, and has removed nothing, where the directory's files do not fit
// together.
func OpenPebble(o Options) (Tables, error) {
	o.setDefaults()
	found, err := inspect(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref()
	t := &pebbleTables{fs: o.FS, manifest: found.manifest}
	t.guard = newGuard(o.FS, o.Disk, o.Fatal)
	opts := o.pebble(t, cache)
	t.reading = opts.MakeReaderOptions()
	db, err := pebble.Open(o.Dir, opts)
	if err != nil {
		t.guard.close()
		if broken := t.guard.err(); broken != nil {
			return nil, fmt.Errorf("tables: open %s: %w", o.Dir, broken)
		}
		return nil, found.openError(err)
	}
	t.db = db
	t.guard.open.Store(true)
	if err := t.guard.err(); err != nil {
		return nil, errors.Join(fmt.Errorf("tables: open %s: %w", o.Dir, err), t.Close())
	}
	if !o.CompactLater {
		t.BeginCompactions()
	}
	return t, nil
}

func (o *Options) pebble(t *pebbleTables, cache *pebble.Cache) *pebble.Options {
	opts := &pebble.Options{
		ReadOnly:                    o.ReadOnly,
		FS:                          t.guard,
		Cache:                       cache,
		DisableWAL:                  true,
		FormatMajorVersion:          pebble.FormatValueSeparation, // pinned: a newer Pebble must not change directories for good
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       math.MaxInt32, // see Behind: a stalled write would hang when there is no room to compact
		Logger:                      quiet{o.Fatal},
		EventListener: &pebble.EventListener{
			CompactionEnd: func(info pebble.CompactionInfo) { t.guard.compacted(info.Err) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				o.Fatal(&DamageError{File: info.Path, Reason: info.Details})
			},
		},
	}
	opts.Experimental.CompactionScheduler = &t.compactions
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.Levels[i].FilterType = pebble.TableFilter
		opts.Levels[i].IndexBlockSize = indexBlockBytes
	}
	return opts
}

// indexBlockBytes is enough for one block to index a whole file: with more of them
// each look-up would search a second index.
const indexBlockBytes = 1 << 20

type pebbleTables struct {
	db          *pebble.DB
	guard       *guard
	compactions compactions
	owed        atomic.Int64 // bytes applied since the last Flush
	fs          vfs.FS
	manifest    string
	reading     sstable.ReaderOptions
}

// BeginCompactions allows compactions, which Options.CompactLater has put off.
func (t *pebbleTables) BeginCompactions() { t.compactions.begin() }

// Manifest is the file that listed the tables' files at the start, "" if they are
// new.
func (t *pebbleTables) Manifest() string { return t.manifest }

func (t *pebbleTables) Get(key, dst []byte) ([]byte, bool, error) {
	v, closer, err := t.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, named("get", err)
	}
	dst = append(dst, v...)
	return dst, true, closer.Close()
}

func (t *pebbleTables) GetAll(keys []string, visit func(i int, value []byte)) error {
	it, err := t.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("tables: get: %w", err)
	}
	var key []byte
	for i, k := range keys {
		key = append(key[:0], k...)
		// The prefix of a key is all of it: the filters say where it is not.
		if !it.SeekPrefixGE(key) {
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(fmt.Errorf("tables: get: %w", err), it.Close())
		}
		visit(i, v)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return fmt.Errorf("tables: get: %w", err)
	}
	return nil
}

func (t *pebbleTables) Scan(low, high []byte, visit func(key, value []byte) bool) error {
	if len(low) == 0 {
		low = nil // Pebble seeks no empty key
	}
	it, err := t.db.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return named("scan", err)
	}
	for it.First(); it.Valid(); it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(named("scan", err), it.Close())
		}
		if !visit(it.Key(), v) {
			break
		}
	}
	return named("scan", it.Close())
}

func (t *pebbleTables) Apply(b *Batch) error {
	size := 64
	for i := range b.ops {
		size += len(b.ops[i].key) + len(b.ops[i].value) + 16
	}
	pb := t.db.NewBatchWithSize(size)
	defer pb.Close() //nolint:errcheck // a batch that was committed or dropped
	for i := range b.ops {
		if err := put(pb, &b.ops[i]); err != nil {
			return fmt.Errorf("tables: apply: %w", err)
		}
	}
	if err := pb.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("tables: apply: %w", err)
	}
	t.owed.Add(int64(size))
	if !t.compactions.hasBegun() { // who writes needs them
		t.BeginCompactions()
	}
	return t.guard.err()
}

func put(pb *pebble.Batch, o *op) error {
	switch o.kind {
	case opDelete:
		return pb.Delete(o.key, nil)
	case opClear:
		return pb.DeleteRange(o.key, o.value, nil)
	}
	return pb.Set(o.key, o.value, nil)
}

func (t *pebbleTables) Flush() error {
	owed := t.owed.Load()
	if err := t.db.Flush(); err != nil {
		return fmt.Errorf("tables: flush: %w", err)
	}
	if err := t.guard.err(); err != nil {
		return err
	}
	t.owed.Add(-owed)
	t.guard.flushed.Store(0)
	return nil
}

// Owed implements Tables. What Pebble has flushed of its own accord is there.
func (t *pebbleTables) Owed() int64 { return max(0, t.owed.Load()-t.guard.flushed.Load()) }

func (t *pebbleTables) Flushed(key []byte) ([]byte, bool, error) {
	it, err := t.db.NewIter(&pebble.IterOptions{OnlyReadGuaranteedDurable: true})
	if err != nil {
		return nil, false, named("flushed", err)
	}
	if !it.SeekGE(key) || !bytes.Equal(it.Key(), key) {
		return nil, false, named("flushed", errors.Join(it.Error(), it.Close()))
	}
	v, err := it.ValueAndErr()
	v = append([]byte(nil), v...)
	// What Pebble took for durable since then is not.
	err = named("flushed", errors.Join(err, it.Close(), t.guard.err()))
	return v, err == nil, err
}

// mostSublevels is about how many files a read may have to look into.
const mostSublevels = 24

func (t *pebbleTables) Behind() bool {
	return t.db.Metrics().Levels[0].Sublevels >= mostSublevels
}

func (t *pebbleTables) Metrics() Metrics {
	m := t.db.Metrics()
	total := m.Total()
	return Metrics{
		DiskBytes:      m.DiskSpaceUsage(),
		MemoryBytes:    m.MemTable.Size + uint64(max(0, m.BlockCache.Size)),
		FlushedBytes:   total.TableBytesFlushed,
		CompactedBytes: total.TableBytesCompacted,
	}
}

func (t *pebbleTables) Close() error {
	t.guard.close()
	return t.db.Close()
}

// quiet passes on only what ends the process.
type quiet struct {
	fatal func(error)
}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (q quiet) Fatalf(format string, args ...any) {
	err := fmt.Errorf("tables: "+format, args...)
	q.fatal(err)
	panic(err) // Pebble's state is lost: nothing may go on
}
