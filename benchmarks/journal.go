package benchmarks

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// JournalConfig says what JournalWrites runs. The zero value is ready to use.
type JournalConfig struct {
	// Batch is the number of writes that are committed together. Defaults to
	// 1,000.
	Batch int
	// Keys is the number of different keys, which are drawn at random. A key has
	// 16 bytes. Defaults to 1,000,000.
	Keys int
	// Value is the size of a value in bytes. Defaults to 64.
	Value int
	// Writers is the number of goroutines that commit batches of their own at the
	// same time, so that Pebble can sync several at once. Defaults to 2.
	Writers int
	// Warmup is how long is written before anything is counted. Defaults to half
	// a second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration
}

// JournalResult is what JournalWrites measured.
type JournalResult struct {
	Batch   int `json:"batch"`
	Writers int `json:"writers"`
	// Writes are durable; they were committed during Elapsed, by each writer up to the
	// end of its last batch.
	Writes          int64         `json:"writes"`
	Elapsed         time.Duration `json:"elapsed_ns"`
	WritesPerSecond float64       `json:"writes_per_second"`
	// Commit is how long a batch took to become durable.
	Commit Latency `json:"commit"`
}

// String shows the result on one line.
func (r JournalResult) String() string {
	return fmt.Sprintf("batch=%d writers=%d: %.3f M durable writes/s, commit %v", r.Batch, r.Writers, r.WritesPerSecond/1e6, r.Commit)
}

// JournalWrites measures batches of small writes to a Pebble database, each
// committed with pebble.Sync. The database is made in a new directory under dir,
// which must exist, and removed again.
func JournalWrites(ctx context.Context, dir string, cfg JournalConfig) (JournalResult, error) {
	if err := cfg.validate(); err != nil {
		return JournalResult{}, err
	}
	dir, err := os.MkdirTemp(dir, "raw-journal-*")
	if err != nil {
		return JournalResult{}, fmt.Errorf("benchmarks: journal: %w", err)
	}
	r, err := journalWrites(ctx, dir, cfg)
	return r, errors.Join(err, os.RemoveAll(dir))
}

func journalWrites(ctx context.Context, dir string, cfg JournalConfig) (JournalResult, error) {
	db, err := openPebble(dir)
	if err != nil {
		return JournalResult{}, err
	}
	r, err := runWriters(ctx, db, cfg)
	if err := errors.Join(err, db.Close()); err != nil {
		return JournalResult{}, fmt.Errorf("benchmarks: journal: %w", err)
	}
	return r, nil
}

// openPebble opens a database whose memtables hold a few seconds of writes.
func openPebble(dir string) (*pebble.DB, error) {
	db, err := pebble.Open(dir, &pebble.Options{
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       64 << 20,
		CacheSize:          256 << 20, // memtables are reserved out of it
		Logger:             quietLogger{},
	})
	if err != nil {
		return nil, fmt.Errorf("benchmarks: journal: %w", err)
	}
	return db, nil
}

// runWriters runs all writers to their end and puts together what they measured.
func runWriters(ctx context.Context, db *pebble.DB, cfg JournalConfig) (JournalResult, error) {
	begin := time.Now().Add(cfg.Warmup)
	writers := make([]*writer, cfg.Writers)
	errs := make([]error, cfg.Writers)
	var all sync.WaitGroup
	for i := range writers {
		w := newWriter(db, cfg, uint64(i))
		writers[i] = w
		all.Go(func() { errs[i] = w.run(ctx, begin) })
	}
	all.Wait()
	r := JournalResult{Batch: cfg.Batch, Writers: cfg.Writers}
	var commits []time.Duration
	for _, w := range writers {
		commits = append(commits, w.commits...)
		r.Elapsed = max(r.Elapsed, w.elapsed)
		r.WritesPerSecond += perSecond(len(w.commits)*cfg.Batch, w.elapsed)
	}
	r.Writes = int64(len(commits)) * int64(cfg.Batch)
	r.Commit = latencyOf(commits)
	return r, errors.Join(errs...)
}

// writer commits one batch after the other.
type writer struct {
	cfg     JournalConfig
	db      *pebble.DB
	random  *rand.Rand
	value   []byte
	commits []time.Duration // of the batches that count
	elapsed time.Duration   // from the first of them to the end of the last
}

func newWriter(db *pebble.DB, cfg JournalConfig, seed uint64) *writer {
	return &writer{cfg: cfg, db: db, random: rand.New(rand.NewPCG(1, seed)), value: make([]byte, cfg.Value)}
}

// run counts batches that begin after begin, for at least the duration; the last one
// counts whole.
func (w *writer) run(ctx context.Context, begin time.Time) error {
	var first time.Time
	for ctx.Err() == nil && w.elapsed < w.cfg.Duration {
		start := time.Now()
		if err := w.commit(); err != nil {
			return err
		}
		if start.Before(begin) {
			continue
		}
		if len(w.commits) == 0 {
			first = start
		}
		now := time.Now()
		w.commits = append(w.commits, now.Sub(start))
		w.elapsed = now.Sub(first)
	}
	return context.Cause(ctx)
}

// perSecond is 0 if no time has passed.
func perSecond(n int, d time.Duration) float64 {
	if d == 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// commit makes one batch durable.
func (w *writer) commit() error {
	batch := w.db.NewBatch()
	defer func() { _ = batch.Close() }()
	var key [16]byte
	for range w.cfg.Batch {
		n := w.random.Uint64N(uint64(w.cfg.Keys))
		binary.BigEndian.PutUint64(key[:], n*0x9e3779b97f4a7c15) // spread over the key space
		binary.BigEndian.PutUint64(key[8:], n)
		binary.LittleEndian.PutUint64(w.value, w.random.Uint64())
		if err := batch.Set(key[:], w.value, nil); err != nil {
			return err
		}
	}
	return batch.Commit(pebble.Sync)
}

// validate fills in the defaults.
func (c *JournalConfig) validate() error {
	c.Batch = cmp.Or(c.Batch, 1000)
	c.Keys = cmp.Or(c.Keys, 1_000_000)
	c.Value = cmp.Or(c.Value, 64)
	c.Writers = cmp.Or(c.Writers, 2)
	c.Warmup = cmp.Or(c.Warmup, time.Second/2)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	switch {
	case c.Batch < 0:
		return fmt.Errorf("benchmarks: Batch: %d is negative", c.Batch)
	case c.Keys < 0:
		return fmt.Errorf("benchmarks: Keys: %d is negative", c.Keys)
	case c.Value < 8:
		return fmt.Errorf("benchmarks: Value: %d bytes, at least 8 are needed", c.Value)
	case c.Writers < 0:
		return fmt.Errorf("benchmarks: Writers: %d is negative", c.Writers)
	case c.Warmup < 0 || c.Duration < 0:
		return fmt.Errorf("benchmarks: Warmup %v, Duration %v: negative", c.Warmup, c.Duration)
	}
	return nil
}

// quietLogger drops what Pebble has to tell, up to what must end the process.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any) {}

func (quietLogger) Errorf(string, ...any) {}

func (quietLogger) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "benchmarks: journal: "+format+"\n", args...)
	os.Exit(1)
}
