package benchmarks

import (
	"fmt"
	"testing"
	"time"
)

// One operation is one message, that is one hop of a chain.
func BenchmarkBareActors(b *testing.B) {
	for _, addresses := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("addresses=%d", addresses), func(b *testing.B) {
			all := spawn(addresses)
			for _, inFlight := range []int{256, 1_024, 4_096, 16_384, 65_536, 262_144} {
				if inFlight > bestInFlight(addresses) {
					break
				}
				b.Run(fmt.Sprintf("inflight=%d", inFlight), func(b *testing.B) { benchmarkChains(b, all, inFlight) })
			}
		})
	}
}

func benchmarkChains(b *testing.B, all *actors, inFlight int) {
	cfg := ActorsConfig{InFlight: inFlight}
	if err := cfg.validate(); err != nil {
		b.Fatal(err)
	}
	chains := int64(b.N/cfg.Hops + 1)
	b.ReportAllocs()
	b.ResetTimer()
	all.runChains(cfg, chains)
	b.ReportMetric(float64(chains)*float64(cfg.Hops)/b.Elapsed().Seconds(), "msgs/s")
	b.StopTimer()
	if err := all.verify(); err != nil {
		b.Fatal(err)
	}
}

// One operation is one durable batch.
func BenchmarkJournalWrites(b *testing.B) {
	for _, batch := range []int{1, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			cfg := JournalConfig{Batch: batch}
			if err := cfg.validate(); err != nil {
				b.Fatal(err)
			}
			db, err := openPebble(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			w := newWriter(db, cfg, 0)
			b.ReportAllocs()
			for b.Loop() {
				if err := w.commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(batch)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// One operation is one append of 4 KiB and its sync.
func BenchmarkFsync(b *testing.B) {
	r, err := FsyncLatency(b.Context(), b.TempDir(), time.Second)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.SyncsPerSecond, "syncs/s")
	b.ReportMetric(float64(r.Latency.P50.Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(r.Latency.P99.Nanoseconds()), "p99-ns")
	b.ReportMetric(0, "ns/op")
}
