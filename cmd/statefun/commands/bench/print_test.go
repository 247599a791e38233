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
		sections:    foundSections(),
	}
}

// foundSections are figures of all other measurements.
func foundSections() sections {
	return sections{
		Cold: &ColdReport{
			Addresses: 1_000_000, LiveGrains: 100_000, Seconds: 8, AllLivePerSecond: 1_500_000, MessagesPerSecond: 450_000, RatioToAllLive: 0.3,
			ActivationsPerMessage: 0.9, ResidentPerGrain: 1234.5, AllocsPerMessage: 5.25, DiskBytesPerMessage: 321, ActivationsPerSecond: 123_456,
		},
		Timers: &TimersReport{Timers: 1_000_000, Addresses: 100_000, PayloadBytes: 64, SetPerSecond: 345_678, FiredPerSecond: 456_789, AllocsPerTimer: 18.7, DiskBytesPerTimer: 326},
		Sends: &SendsReport{Addresses: 1000, PayloadBytes: 64, Seconds: 4, Runs: []SendsComparison{
			{Connections: 64, SendsPerSecond: 50_000, BarePerSecond: 75_000, BareHalves: halves{70_000, 80_000}, RatioToBare: 2.0 / 3, P50: 1.25, P99: 9.5, BareP50: 0.75, BareP99: 3},
			{Connections: 512, SendsPerSecond: 60_000, BarePerSecond: 75_000, BareHalves: halves{60_000, 90_000}, RatioToBare: 0.8, P50: 8, P99: 30, BareP50: 6, BareP99: 20},
		}},
		Hot: &HotReport{
			Addresses: 100_000, HotPercent: 90, Seconds: 4, UniformPerSecond: 1_000_000, UniformHalves: halves{950_000, 1_050_000},
			MessagesPerSecond: 900_000, OthersPerSecond: 90_000, OthersShare: 100_000, RatioToUniform: 0.9,
		},
		Values: &ValuesReport{Seconds: 4, Runs: []ValuesComparison{{
			ValueBytes: 64 << 10, Addresses: 2048, BytesPerSecond: 150 << 20, BareBytesPerSecond: 120 << 20, BareHalves: halves{110 << 20, 130 << 20},
			RatioToBare: 1.25, DiskBytesPerByte: 1.5, AllocsPerValue: 16.25,
		}}},
		Remote: &RemoteReport{
			Server: "statefun official-function-server", Hops: 4, PayloadBytes: 64, Seconds: 5,
			Runs: []RemoteRun{{
				Addresses: 1000, InFlight: 4096, MessagesPerSecond: 61_562, LimitPerSecond: 35_687, LimitHalves: halves{35_842, 35_533}, RatioToLimit: 1.725,
				MessagesPerRequest: 2.75, MessagesPerBatch: 87, AllocsPerMessage: 4.125, RuntimeMicros: 14.25, ServerMicros: 16.5,
				BareClientMicros: 12.125, BareServerMicros: 29.75, ResidentBytes: 87 << 20, ServerResidentBytes: 30 << 20,
			}},
			Latency: &RemoteLatency{
				Addresses: 1000, Rate: 1000, Chains: 10_000, ChainsPerSecond: 999, P50: 2.125, P90: 3.25, P99: 6.5, P999: 12, Max: 15.25,
				RuntimeCores: 0.75, ServerCores: 0.375, ResidentBytes: 59 << 20, ServerResidentBytes: 30 << 20,
			},
		},
		Cores: &CoresReport{Addresses: 100_000, Seconds: 4, Runs: []CoresRun{
			{Cores: 1, MessagesPerSecond: 800_000, SpeedUp: 1, CoresUsed: 1, BarePerSecond: 400_000, BareSpeedUp: 1, Waits: []Contention{{"environment.(*runner).run", 1.25, 12}}},
			{Cores: 2, MessagesPerSecond: 1_500_000, SpeedUp: 1.875, CoresUsed: 1.9, BarePerSecond: 600_000, BareSpeedUp: 1.5, LockShare: 0.0125, Locks: []Contention{{"persistence.(*Shard).Append", 0.1, 34}}},
		}},
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
