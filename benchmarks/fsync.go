package benchmarks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// FsyncResult is what FsyncLatency measured.
type FsyncResult struct {
	// Syncs were done, one after the other, during Elapsed.
	Syncs          int64         `json:"syncs"`
	Elapsed        time.Duration `json:"elapsed_ns"`
	SyncsPerSecond float64       `json:"syncs_per_second"`
	// Latency is of one append and its sync.
	Latency Latency `json:"latency"`
}

// String shows the result on one line.
func (r FsyncResult) String() string {
	return fmt.Sprintf("%.0f syncs/s, %v", r.SyncsPerSecond, r.Latency)
}

// appendBytes is what FsyncLatency appends before each sync: a page.
const appendBytes = 4 << 10

// FsyncLatency appends 4 KiB to a new file in dir and makes it durable
// (fdatasync where there is one), again and again for the given time, which
// defaults to 2 seconds. The file is removed.
func FsyncLatency(ctx context.Context, dir string, duration time.Duration) (FsyncResult, error) {
	file, err := os.CreateTemp(dir, "raw-fsync-*")
	if err != nil {
		return FsyncResult{}, fmt.Errorf("benchmarks: fsync: %w", err)
	}
	r, err := fsyncs(ctx, file, cmp.Or(duration, 2*time.Second))
	if err := errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
		return FsyncResult{}, fmt.Errorf("benchmarks: fsync: %w", err)
	}
	return r, nil
}

func fsyncs(ctx context.Context, file *os.File, duration time.Duration) (FsyncResult, error) {
	var samples []time.Duration
	page := make([]byte, appendBytes)
	begin := time.Now()
	for start := begin; start.Sub(begin) < duration; {
		if ctx.Err() != nil {
			return FsyncResult{}, context.Cause(ctx)
		}
		if _, err := file.Write(page); err != nil {
			return FsyncResult{}, err
		}
		if err := syncData(file); err != nil {
			return FsyncResult{}, err
		}
		now := time.Now()
		samples = append(samples, now.Sub(start))
		start = now
	}
	r := FsyncResult{Syncs: int64(len(samples)), Elapsed: time.Since(begin)}
	r.SyncsPerSecond = float64(r.Syncs) / r.Elapsed.Seconds()
	r.Latency = latencyOf(samples)
	return r, nil
}
