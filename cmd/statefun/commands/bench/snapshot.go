package bench

import (
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
)

// snapshot is what a node and its process have used so far.
type snapshot struct {
	at        time.Time
	mallocs   uint64
	activated uint64
	batches   uint64
	logBytes  uint64
	diskBytes uint64        // of the log, and what flushes and compactions wrote
	cpu       time.Duration // 0 if not known
	// In seconds of a core, as the runtime counts them at the end of each
	// collection.
	collecting, working float64
}

func takeSnapshot(e *actors.Engine) snapshot {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	all := e.Metrics()
	journal := &all.Journal
	s := snapshot{
		at: time.Now(), mallocs: memory.Mallocs, activated: all.Activations, batches: journal.Batches, logBytes: journal.LogBytesWritten,
		diskBytes: journal.LogBytesWritten + journal.Tables.FlushedBytes + journal.Tables.CompactedBytes,
		cpu:       benchmarks.ProcessTime(),
	}
	s.collecting, s.working = collectorTime()
	return s
}

// collectorTime is the time that cores have spent on collecting garbage, and on
// everything. What an idle core did is in neither.
func collectorTime() (collecting, all float64) {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	seconds := func(i int) float64 {
		if samples[i].Value.Kind() != metrics.KindFloat64 {
			return 0
		}
		return samples[i].Value.Float64()
	}
	idleMark := seconds(1)
	return seconds(0) - idleMark, seconds(2) - seconds(3) - idleMark
}

// usage is what a node used for the messages of some time.
type usage struct {
	Messages          int64
	Elapsed           time.Duration
	MessagesPerSecond float64
	AllocsPerMessage  float64
	// LogBytesPerMessage is what was written to the journal's log.
	LogBytesPerMessage float64
	// DiskBytesPerMessage is what was written to the log, flushed into the tables,
	// and compacted there.
	DiskBytesPerMessage float64
	// ActivationsPerMessage is how many messages met no live grain.
	ActivationsPerMessage float64
	// MessagesPerBatch is how many messages became durable together.
	MessagesPerBatch float64
	// CollectorShare is the share of the time used that went into collecting
	// garbage.
	CollectorShare float64
	// CoresUsed is how many cores the process had on average, 0 if not known.
	CoresUsed float64
	// MessagesPerCoreSecond is messages per second of one core's time, 0 if
	// CoresUsed is.
	MessagesPerCoreSecond float64
}

// since is what was used since an earlier snapshot, for so many messages.
func (s snapshot) since(before snapshot, messages int64) usage {
	u := usage{Messages: messages, Elapsed: s.at.Sub(before.at)}
	n := float64(max(1, messages))
	u.MessagesPerSecond = float64(messages) / u.Elapsed.Seconds()
	u.AllocsPerMessage = float64(s.mallocs-before.mallocs) / n
	u.LogBytesPerMessage = float64(s.logBytes-before.logBytes) / n
	u.DiskBytesPerMessage = float64(s.diskBytes-before.diskBytes) / n
	u.ActivationsPerMessage = float64(s.activated-before.activated) / n
	u.MessagesPerBatch = float64(messages) / float64(max(1, s.batches-before.batches))
	u.CollectorShare = quotient(s.collecting-before.collecting, s.working-before.working)
	u.CoresUsed = float64(s.cpu-before.cpu) / float64(u.Elapsed)
	u.MessagesPerCoreSecond = quotient(u.MessagesPerSecond, u.CoresUsed)
	return u
}
