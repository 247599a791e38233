package bench

import (
	"time"

	"github.com/statefun-go/statefun/benchmarks"
)

// Report is what --json prints. What was not measured is null. If grains were
// measured with several numbers of addresses, the figures at the top are those of
// the first; all are in Grains.
type Report struct {
	MessagesPerSecond         *float64 `json:"messages_per_second"`
	RawActorMessagesPerSecond *float64 `json:"raw_actor_messages_per_second"`
	RawJournalWritesPerSecond *float64 `json:"raw_journal_writes_per_second"`
	RatioToRawActor           *float64 `json:"ratio_to_raw_actor"`
	RatioToRawJournal         *float64 `json:"ratio_to_raw_journal"`
	P50                       *float64 `json:"p50_ms"`
	P99                       *float64 `json:"p99_ms"`
	AllocsPerMessage          *float64 `json:"allocs_per_message"`
	Machine                   Machine  `json:"machine"`

	sections

	Grains   []GrainsReport `json:"grains,omitempty"`
	Latency  *LatencyReport `json:"latency,omitempty"`
	Actors   []ActorsReport `json:"raw_actors,omitempty"`
	Journal  *JournalReport `json:"raw_journal,omitempty"`
	Limits   []Limit        `json:"limits,omitempty"`
	Scale    float64        `json:"scale,omitempty"` // of Limits, which count at 1 only
	Warnings []string       `json:"warnings,omitempty"`
}

// Machine says what was measured on.
type Machine struct {
	benchmarks.MachineInfo

	Directory       string  `json:"directory"`
	FileSystem      string  `json:"file_system"`
	FsyncP50        float64 `json:"fsync_p50_ms"`
	FsyncP99        float64 `json:"fsync_p99_ms"`
	FsyncsPerSecond float64 `json:"fsyncs_per_second"`
}

// GrainsReport is grains and bare actors that ran the same chains.
type GrainsReport struct {
	Addresses    int     `json:"addresses"`
	Hops         int     `json:"hops"`
	PayloadBytes int     `json:"payload_bytes"`
	States       int     `json:"states"`
	InFlight     int     `json:"in_flight"`
	BareInFlight int     `json:"raw_actor_in_flight"`
	Seconds      float64 `json:"seconds"`

	MessagesPerSecond         float64 `json:"messages_per_second"`
	RawActorMessagesPerSecond float64 `json:"raw_actor_messages_per_second"`
	RatioToRawActor           float64 `json:"ratio_to_raw_actor"`
	// CoreRatio is the ratio per core time used, which says more on a machine that
	// is shared; 0 if core time is not known.
	CoreRatio                float64    `json:"ratio_to_raw_actor_per_core"`
	RawActorHalves           [2]float64 `json:"raw_actor_halves"` // before and after the grains
	AllocsPerMessage         float64    `json:"allocs_per_message"`
	RawActorAllocsPerMessage float64    `json:"raw_actor_allocs_per_message"`
	LogBytesPerMessage       float64    `json:"log_bytes_per_message"`
	// DiskBytesPerByte is what was written to the log, flushed and compacted, per
	// byte of message.
	DiskBytesPerByte float64 `json:"disk_bytes_per_message_byte"`
	ResidentPerGrain float64 `json:"resident_bytes_per_live_grain"` // 0 if not known
	CollectorShare   float64 `json:"gc_share"`
	MessagesPerBatch float64 `json:"messages_per_batch"`
	CoresUsed        float64 `json:"cores_used"` // 0 if not known
}

// LatencyReport is HTTP calls to grains.
type LatencyReport struct {
	Rate           int     `json:"rate"`
	Calls          int     `json:"calls"`
	CallsPerSecond float64 `json:"calls_per_second"`
	P50            float64 `json:"p50_ms"`
	P90            float64 `json:"p90_ms"`
	P99            float64 `json:"p99_ms"`
	P999           float64 `json:"p99_9_ms"`
	Max            float64 `json:"max_ms"`
}

// ActorsReport is bare actors alone.
type ActorsReport struct {
	Addresses         int     `json:"addresses"`
	InFlight          int     `json:"in_flight"`
	MessagesPerSecond float64 `json:"messages_per_second"`
	AllocsPerMessage  float64 `json:"allocs_per_message"`
}

// JournalReport is synced batches on a bare Pebble database.
type JournalReport struct {
	Batch           int     `json:"batch"`
	Writers         int     `json:"writers"`
	WritesPerSecond float64 `json:"writes_per_second"`
	CommitP50       float64 `json:"commit_p50_ms"`
	CommitP99       float64 `json:"commit_p99_ms"`
}

func (s *suite) report() Report {
	r := Report{Machine: s.describeMachine(), sections: s.sections, Warnings: s.warnings()}
	if s.journal != nil {
		r.Journal = journalReport(s.journal)
		r.RawJournalWritesPerSecond = &r.Journal.WritesPerSecond
	}
	for _, a := range s.actors {
		r.Actors = append(r.Actors, ActorsReport{a.Addresses, a.InFlight, a.MessagesPerSecond, a.AllocsPerMessage})
	}
	for _, c := range s.comparisons {
		r.Grains = append(r.Grains, c.report())
	}
	if s.latency != nil {
		r.Latency = s.latency.report(s.latencyRate)
		r.P50, r.P99 = &r.Latency.P50, &r.Latency.P99
	}
	if len(r.Actors) > 0 {
		r.RawActorMessagesPerSecond = &r.Actors[0].MessagesPerSecond
	}
	if len(r.Grains) > 0 {
		r.headline(&r.Grains[0])
	}
	if s.scale > 0 {
		r.Scale, r.Limits = s.scale, r.limits()
	}
	return r
}

// headline shows the figures of some grains at the top.
func (r *Report) headline(g *GrainsReport) {
	r.MessagesPerSecond, r.AllocsPerMessage = &g.MessagesPerSecond, &g.AllocsPerMessage
	r.RawActorMessagesPerSecond, r.RatioToRawActor = &g.RawActorMessagesPerSecond, &g.RatioToRawActor
	if r.Journal != nil {
		ratio := quotient(g.MessagesPerSecond, r.Journal.WritesPerSecond)
		r.RatioToRawJournal = &ratio
	}
}

func (s *suite) describeMachine() Machine {
	return Machine{
		MachineInfo: s.machine, Directory: s.dir, FileSystem: s.fileSystem,
		FsyncP50: ms(s.fsync.Latency.P50), FsyncP99: ms(s.fsync.Latency.P99), FsyncsPerSecond: s.fsync.SyncsPerSecond,
	}
}

func (c *comparison) report() GrainsReport {
	return GrainsReport{
		Addresses: c.cfg.Addresses, Hops: c.cfg.Hops, PayloadBytes: c.cfg.Payload, States: c.cfg.States,
		InFlight: c.cfg.InFlight, BareInFlight: c.bare[0].InFlight, Seconds: c.grains.Elapsed.Seconds(),
		MessagesPerSecond: c.grains.MessagesPerSecond, RawActorMessagesPerSecond: c.barePerSecond(), RatioToRawActor: c.ratio(),
		CoreRatio:        c.coreRatio(),
		RawActorHalves:   [2]float64{c.bare[0].MessagesPerSecond, c.bare[1].MessagesPerSecond},
		AllocsPerMessage: c.grains.AllocsPerMessage, RawActorAllocsPerMessage: c.bare[0].AllocsPerMessage,
		LogBytesPerMessage: c.grains.LogBytesPerMessage,
		DiskBytesPerByte:   quotient(c.grains.DiskBytesPerMessage, float64(c.cfg.Payload)),
		ResidentPerGrain:   c.grains.ResidentPerGrain, CollectorShare: c.grains.CollectorShare,
		MessagesPerBatch: c.grains.MessagesPerBatch, CoresUsed: c.grains.CoresUsed,
	}
}

func (r *LatencyResult) report(rate int) *LatencyReport {
	return &LatencyReport{
		Rate: rate, Calls: r.Calls, CallsPerSecond: r.CallsPerSecond,
		P50: ms(r.P50), P90: ms(r.P90), P99: ms(r.P99), P999: ms(r.P999), Max: ms(r.Max),
	}
}

func journalReport(r *benchmarks.JournalResult) *JournalReport {
	return &JournalReport{
		Batch: r.Batch, Writers: r.Writers, WritesPerSecond: r.WritesPerSecond,
		CommitP50: ms(r.Commit.P50), CommitP99: ms(r.Commit.P99),
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
