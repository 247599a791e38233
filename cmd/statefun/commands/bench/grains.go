package bench

import (
	"cmp"
	"context"
	"errors"
	"math"
	"runtime"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
)

// GrainsConfig says what Grains runs. The zero value is ready to use.
type GrainsConfig struct {
	// Addresses is the number of grains. Defaults to 1,000.
	Addresses int
	// Hops is the number of messages in a chain. Defaults to 4.
	Hops int
	// Payload is the size of a message in bytes. Defaults to 64.
	Payload int
	// States is the number of Int64 states that each message adds one to.
	// Defaults to 1; a negative number stands for none.
	States int
	// InFlight is the number of chains that are under way at any time. Defaults to
	// 4,096 over up to 2,000 addresses, 16,384 over more.
	InFlight int
	// BareInFlight is the same for the bare actors that grains are compared with.
	// Defaults to InFlight or, if that is not set, to what they do best with.
	BareInFlight int
	// LiveGrains is about how many grains stay in memory. Defaults to the node's
	// default.
	LiveGrains int
	// Warmup is how long chains run before anything is counted. Defaults to 1
	// second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration
}

// defaultInFlight is enough to fill batches while others are being synced. Over few
// addresses more only means that more messages outlive the batch they were sent
// in, and have to be written.
func defaultInFlight(addresses int) int {
	if addresses <= 2_000 {
		return 4_096
	}
	return 16_384
}

// maxStates is the most states that an address can be given.
const maxStates = 1000

// GrainsResult is what Grains measured.
type GrainsResult struct {
	// Messages were processed during Elapsed; each hop of a chain is one.
	Messages          int64
	Elapsed           time.Duration
	MessagesPerSecond float64
	AllocsPerMessage  float64
	// LogBytesPerMessage is what was written to the journal's log.
	LogBytesPerMessage float64
	// MessagesPerBatch is how many messages became durable together.
	MessagesPerBatch float64
	// CoresUsed is how many cores the process had on average, 0 if not known.
	CoresUsed float64
	// MessagesPerCoreSecond is messages per second of one core's time, 0 if
	// CoresUsed is.
	MessagesPerCoreSecond float64
}

// Grains measures messages between grains of a node with durable state: the same
// chains as [benchmarks.BareActors]. In the end the states of all grains are
// compared with the number of messages sent; if they differ, that is an error.
func Grains(ctx context.Context, start StartNode, dir string, cfg GrainsConfig) (r GrainsResult, err error) {
	if err := cfg.validate(); err != nil {
		return r, err
	}
	cfg.InFlight = cmp.Or(cfg.InFlight, defaultInFlight(cfg.Addresses))
	c := newChains(cfg)
	err = withNode(ctx, start, dir, NodeConfig{HTTP: "off", LiveGrains: cfg.LiveGrains}, func(n Node) error {
		if r, err = c.measure(ctx, n.Engine()); err != nil {
			return err
		}
		return c.verify(n.Engine())
	}, c.function())
	return r, err
}

func (c *chains) measure(ctx context.Context, e *actors.Engine) (GrainsResult, error) {
	if err := c.activate(ctx, e); err != nil {
		return GrainsResult{}, cmp.Or(context.Cause(ctx), err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, e) }()
	var r GrainsResult
	err := pause(ctx, done, c.cfg.Warmup)
	if err == nil {
		before := c.snapshot(e)
		err = pause(ctx, done, c.cfg.Duration)
		r = c.snapshot(e).since(before)
	}
	stop()
	return r, errors.Join(err, <-done)
}

// pause waits for d. It ends early with an error if ctx ends or done has one,
// which it leaves there.
func pause(ctx context.Context, done chan error, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case err := <-done:
		done <- nil
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// snapshot is the state of a run at one moment.
type snapshot struct {
	at       time.Time
	messages int64
	mallocs  uint64
	batches  uint64
	logBytes uint64
	cpu      time.Duration
}

func (c *chains) snapshot(e *actors.Engine) snapshot {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	journal := e.Metrics().Journal
	return snapshot{
		time.Now(), c.ended.Load() * int64(c.cfg.Hops), memory.Mallocs,
		journal.Batches, journal.LogBytesWritten, benchmarks.ProcessTime(),
	}
}

func (s snapshot) since(before snapshot) GrainsResult {
	r := GrainsResult{Messages: s.messages - before.messages, Elapsed: s.at.Sub(before.at)}
	messages := float64(max(1, r.Messages))
	r.MessagesPerSecond = float64(r.Messages) / r.Elapsed.Seconds()
	r.AllocsPerMessage = float64(s.mallocs-before.mallocs) / messages
	r.LogBytesPerMessage = float64(s.logBytes-before.logBytes) / messages
	r.CoresUsed = float64(s.cpu-before.cpu) / float64(r.Elapsed)
	if r.CoresUsed > 0 {
		r.MessagesPerCoreSecond = r.MessagesPerSecond / r.CoresUsed
	}
	r.MessagesPerBatch = float64(r.Messages) / float64(max(1, s.batches-before.batches))
	return r
}

// validate fills in the defaults, except that of InFlight.
func (c *GrainsConfig) validate() error {
	c.Addresses = cmp.Or(c.Addresses, 1000)
	c.Hops = cmp.Or(c.Hops, 4)
	c.Payload = cmp.Or(c.Payload, 64)
	c.States = max(0, cmp.Or(c.States, 1))
	c.Warmup = cmp.Or(c.Warmup, time.Second)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	return errors.Join(
		inRange("addresses", c.Addresses, 1, 100_000_000),
		inRange("hops", c.Hops, 1, math.MaxUint16),
		inRange("payload", c.Payload, hopsBytes, 1<<20),
		inRange("state", c.States, 0, maxStates),
		inRange("in-flight", cmp.Or(c.InFlight, defaultInFlight(c.Addresses)), runtime.GOMAXPROCS(0), 100_000_000),
		inRange("raw-in-flight", cmp.Or(c.BareInFlight, defaultInFlight(c.Addresses)), runtime.GOMAXPROCS(0), 100_000_000),
		inRange("live-grains", c.LiveGrains, 0, 1_000_000_000),
		inRange("warmup", c.Warmup, 0, time.Hour),
		inRange("duration", c.Duration, time.Millisecond, time.Hour),
	)
}
