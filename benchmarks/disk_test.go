package benchmarks

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func TestJournalWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := JournalConfig{Batch: 10, Keys: 100, Warmup: time.Millisecond, Duration: 50 * time.Millisecond}
	r, err := JournalWrites(t.Context(), dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Writes <= 0 || r.Writes%10 != 0 || r.WritesPerSecond <= 0 || r.Commit.P50 <= 0 || r.Batch != 10 || r.Writers != 2 {
		t.Errorf("got %+v", r)
	}
	wantEmpty(t, dir)
}

func TestJournalWritesEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := JournalWrites(ctx, dir, JournalConfig{Batch: 1, Warmup: time.Hour}); err == nil {
		t.Error("did not end")
	}
	wantEmpty(t, dir)
}

func TestJournalConfig(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]JournalConfig{
		"Batch":    {Batch: -1},
		"Keys":     {Keys: -1},
		"Value":    {Value: 7},
		"Writers":  {Writers: -1},
		"Duration": {Duration: -1},
	} {
		if _, err := JournalWrites(t.Context(), t.TempDir(), cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestFsyncLatency(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := FsyncLatency(t.Context(), dir, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if r.Syncs <= 0 || r.SyncsPerSecond <= 0 || r.Latency.P50 <= 0 || r.Latency.P50 > r.Latency.P99 || r.Latency.P99 > r.Latency.Max {
		t.Errorf("got %+v", r)
	}
	wantEmpty(t, dir)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FsyncLatency(ended, dir, time.Hour); err == nil {
		t.Error("did not end")
	}
	wantEmpty(t, dir)
}

func TestNoSuchDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/missing"
	_, journal := JournalWrites(t.Context(), dir, JournalConfig{})
	_, fsync := FsyncLatency(t.Context(), dir, 0)
	_, fs := FileSystem(dir)
	for _, err := range []error{journal, fsync, fs} {
		if err == nil || !strings.Contains(err.Error(), "missing") {
			t.Errorf("got %v", err)
		}
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	var samples []time.Duration
	for i := range 200 {
		samples = append(samples, time.Duration(200-i)*time.Millisecond)
	}
	want := Latency{P50: 100 * time.Millisecond, P99: 198 * time.Millisecond, Max: 200 * time.Millisecond}
	if got := latencyOf(samples); got != want {
		t.Errorf("got %v", got)
	}
	if got := latencyOf([]time.Duration{7}); got != (Latency{7, 7, 7}) {
		t.Errorf("got %v of one sample", got)
	}
	if got := latencyOf(nil); got != (Latency{}) {
		t.Errorf("got %v of none", got)
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
