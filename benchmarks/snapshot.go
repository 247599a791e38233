package benchmarks

import (
	"context"
	"runtime"
	"time"
)

// messages is what the chains that have ended took.
func messages(drivers []*driver) (n int64) {
	for _, d := range drivers {
		n += d.completed.Load() * int64(d.hops)
	}
	return n
}

// snapshot is the state of a run at one moment.
type snapshot struct {
	at       time.Time
	messages int64
	mallocs  uint64
	cpu      time.Duration
}

func takeSnapshot(drivers []*driver) snapshot {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return snapshot{time.Now(), messages(drivers), memory.Mallocs, ProcessTime()}
}

func (s snapshot) since(before snapshot) ActorsResult {
	r := ActorsResult{Messages: s.messages - before.messages, Elapsed: s.at.Sub(before.at)}
	r.MessagesPerSecond = float64(r.Messages) / r.Elapsed.Seconds()
	r.AllocsPerMessage = float64(s.mallocs-before.mallocs) / float64(max(1, r.Messages))
	if cpu := s.cpu - before.cpu; cpu > 0 {
		r.CoresUsed = float64(cpu) / float64(r.Elapsed)
		r.MessagesPerCoreSecond = float64(r.Messages) / cpu.Seconds()
	}
	return r
}

// pause waits for d, or until ctx ends and returns why.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
