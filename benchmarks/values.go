package benchmarks

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// ValuesConfig says what ValueWrites writes. Sizes are required.
type ValuesConfig struct {
	// Value is the size of a value in bytes.
	Value int
	// Keys is the number of different keys, which are written in their order, again
	// and again.
	Keys int
	// Draw returns the next value, which is not changed.
	Draw func() []byte
	// Batch is about how many bytes are committed together. Defaults to 4 MiB.
	Batch int
	// Warmup is how long is written before anything is counted. Defaults to half a
	// second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration
}

// ValuesResult is what ValueWrites measured.
type ValuesResult struct {
	// Values are durable; they were committed during Elapsed, which is as long as the
	// last batch of the measurement took.
	Values         int64         `json:"values"`
	Elapsed        time.Duration `json:"elapsed_ns"`
	BytesPerSecond float64       `json:"bytes_per_second"`
	// Commit is how long a batch took to become durable.
	Commit Latency `json:"commit"`
}

// ValueWrites measures writing values to a Pebble database one after the other, in the
// order of their keys, in batches that are each committed with pebble.Sync: the limit
// of storing values by way of a database. The database is made in a new directory under
// dir, which must exist, and removed again.
func ValueWrites(ctx context.Context, dir string, cfg ValuesConfig) (r ValuesResult, err error) {
	if err := cfg.validate(); err != nil {
		return r, err
	}
	if dir, err = os.MkdirTemp(dir, "raw-values-*"); err != nil {
		return r, fmt.Errorf("benchmarks: values: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	db, err := openPebble(dir)
	if err != nil {
		return r, err
	}
	if r, err = writeValues(ctx, db, cfg); err != nil {
		err = fmt.Errorf("benchmarks: values: %w", err)
	}
	return r, errors.Join(err, db.Close())
}

func writeValues(ctx context.Context, db *pebble.DB, cfg ValuesConfig) (ValuesResult, error) {
	together := max(1, cfg.Batch/cfg.Value)
	warm := time.Now().Add(cfg.Warmup)
	var begun time.Time // of the first batch that counts
	var commits []time.Duration
	for n := 0; ctx.Err() == nil; n += together {
		start := time.Now()
		if err := writeTogether(db, cfg, n, together); err != nil {
			return ValuesResult{}, err
		}
		if start.Before(warm) {
			continue
		}
		if len(commits) == 0 {
			begun = start
		}
		commits = append(commits, time.Since(start))
		if time.Since(begun) >= cfg.Duration { // batches may be long: the last counts whole
			break
		}
	}
	r := ValuesResult{Values: int64(len(commits)) * int64(together), Elapsed: time.Since(begun), Commit: latencyOf(commits)}
	r.BytesPerSecond = float64(r.Values) * float64(cfg.Value) / r.Elapsed.Seconds()
	return r, context.Cause(ctx)
}

func writeTogether(db *pebble.DB, cfg ValuesConfig, first, n int) error {
	batch := db.NewBatchWithSize(n * (cfg.Value + 32))
	defer func() { _ = batch.Close() }()
	var key [16]byte
	for i := range n {
		binary.BigEndian.PutUint64(key[8:], uint64((first+i)%cfg.Keys)) //nolint:gosec // not negative
		if err := batch.Set(key[:], cfg.Draw(), nil); err != nil {
			return err
		}
	}
	return batch.Commit(pebble.Sync)
}

// validate fills in the defaults.
func (c *ValuesConfig) validate() error {
	c.Batch = cmp.Or(c.Batch, 4<<20)
	c.Warmup = cmp.Or(c.Warmup, time.Second/2)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	switch {
	case c.Value < 1:
		return fmt.Errorf("benchmarks: Value: expected 1 byte or more, found %d", c.Value)
	case c.Keys < 1:
		return fmt.Errorf("benchmarks: Keys: expected 1 or more, found %d", c.Keys)
	case c.Draw == nil:
		return errors.New("benchmarks: Draw: expected a function, found nil")
	case c.Batch < 0:
		return fmt.Errorf("benchmarks: Batch: %d is negative", c.Batch)
	case c.Warmup < 0 || c.Duration < 0:
		return fmt.Errorf("benchmarks: Warmup %v, Duration %v: negative", c.Warmup, c.Duration)
	}
	return nil
}
