package bench

import (
	"cmp"
	"context"
	"errors"
	"math"
	"runtime"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
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
	// default, or to what holds all addresses if that is more.
	LiveGrains int
	// Warmup is how long chains run before anything is counted. Defaults to 1
	// second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration

	profiles *profiles
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

// defaultLive is how many grains stay in memory so that all addresses do, 0 if any
// node has room for them. Addresses are spread by their hash, so that some workers
// own more than others.
func defaultLive(addresses int) int {
	if addresses <= 100_000 {
		return 0
	}
	return addresses + addresses/4
}

// maxStates is the most states that an address can be given.
const maxStates = 1000

// GrainsResult is what Grains measured. Each hop of a chain is a message.
type GrainsResult struct {
	usage

	// ResidentPerGrain is the memory of the process per live grain: without the
	// tables', which is bounded, and what the process had before there were grains.
	// 0 if not known, or if there are too few grains to tell.
	ResidentPerGrain float64
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

// tellable is how many grains there must be so that the memory of the process says
// something of theirs.
const tellable = 10_000

func (c *chains) measure(ctx context.Context, e *actors.Engine) (r GrainsResult, err error) {
	before := takeResident(e)
	if err := c.activate(ctx, e); err != nil {
		return r, cmp.Or(context.Cause(ctx), err)
	}
	if r.usage, err = c.measureRun(ctx, e); err != nil || c.cfg.Addresses < tellable {
		return r, err
	}
	if err := materialized(ctx, e); err != nil {
		return r, err
	}
	r.ResidentPerGrain = takeResident(e).perGrain(before, e.Metrics().LiveGrains)
	return r, nil
}

// measureRun runs chains for the warm-up and the duration, and then to their end.
func (c *chains) measureRun(ctx context.Context, e *actors.Engine) (usage, error) {
	u, err := c.measureFor(ctx, e, phase{
		warmup: c.cfg.Warmup, duration: c.cfg.Duration, profiles: c.cfg.profiles, count: func() int64 { return invocations(e, hopType) },
		observe: func() func() { return c.observe(e) },
	})
	c.sent += c.started.Load() * int64(c.cfg.Hops)
	return u, err
}

// invocations is how many messages a function has handled.
func invocations(e *actors.Engine, t functions.TypeName) int64 {
	return int64(e.Metrics().Functions[t].In) //nolint:gosec // few enough
}

// validate fills in the defaults, except that of InFlight.
func (c *GrainsConfig) validate() error {
	c.Addresses = cmp.Or(c.Addresses, 1000)
	c.Hops = cmp.Or(c.Hops, 4)
	c.Payload = cmp.Or(c.Payload, 64)
	c.States = max(0, cmp.Or(c.States, 1))
	c.Warmup = cmp.Or(c.Warmup, time.Second)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	c.LiveGrains = cmp.Or(c.LiveGrains, defaultLive(c.Addresses))
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
