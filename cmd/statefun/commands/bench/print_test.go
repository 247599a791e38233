package bench

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// measured is a suite with figures that look like real ones.
func measured() *suite {
	latency := benchmarks.Latency{P50: 210 * time.Microsecond, P99: 380 * time.Microsecond, Max: 2 * time.Millisecond}
	bare := func(perSecond int64) benchmarks.ActorsResult {
		return benchmarks.ActorsResult{
			Addresses: 1000, InFlight: 4096, Messages: 2 * perSecond, Elapsed: 2 * time.Second,
			MessagesPerSecond: float64(perSecond), AllocsPerMessage: 0.2, CoresUsed: 2,
		}
	}
	compared := func(addresses int, perSecond float64, before, after int64) *comparison {
		return &comparison{
			cfg: GrainsConfig{Addresses: addresses, Hops: 4, Payload: 64, States: 1, InFlight: 4096},
			grains: GrainsResult{usage: usage{
				Messages: int64(4 * perSecond), Elapsed: 4 * time.Second, MessagesPerSecond: perSecond, AllocsPerMessage: 2.25,
				LogBytesPerMessage: 37.6, DiskBytesPerMessage: 96, MessagesPerBatch: 6123.4, CollectorShare: 0.0625,
				CoresUsed: 2, MessagesPerCoreSecond: perSecond / 2,
			}, ResidentPerGrain: float64(addresses/100_000) * 1234},
			bare: [2]benchmarks.ActorsResult{bare(before), bare(after)},
		}
	}
	return &suite{
		dir: "/data", fileSystem: "tmpfs", machine: benchmarks.MachineInfo{CPU: "Z80", Cores: 2, MemoryBytes: 3 << 29, OS: "linux", Arch: "amd64", Go: "go1.26"},
		fsync:       benchmarks.FsyncResult{SyncsPerSecond: 4567.8, Latency: latency},
		journal:     &benchmarks.JournalResult{Batch: 1000, Writers: 2, WritesPerSecond: 500_000, Commit: latency},
		actors:      []benchmarks.ActorsResult{bare(7_000_000)},
		comparisons: []*comparison{compared(1_000, 4_500_000, 6_000_000, 8_000_000), compared(100_000, 1_500_000, 600_000, 650_000)},
		latency:     &LatencyResult{Calls: 10_000, CallsPerSecond: 1000, P50: 1500 * time.Microsecond, P90: 2 * time.Millisecond, P99: 4 * time.Millisecond, P999: 9 * time.Millisecond, Max: 20 * time.Millisecond},
		latencyRate: 1000,
	}
}

func TestGoldenReports(t *testing.T) {
	t.Parallel()
	var table, notes, object bytes.Buffer
	r := measured().report()
	r.print(&console.Console{Out: &table, Err: &notes})
	if err := (&console.Console{Out: &object}).JSON(r); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", table.String()+notes.String())
	golden(t, "report.json", object.String())
}

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}
