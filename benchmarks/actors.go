package benchmarks

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"time"
)

// ActorsConfig says what BareActors runs. The zero value is ready to use.
type ActorsConfig struct {
	// Addresses is the number of actors. Defaults to 1,000.
	Addresses int
	// Hops is the number of messages in a chain. Defaults to 4.
	Hops int
	// Payload is the size of a message in bytes. Defaults to 64.
	Payload int
	// InFlight is the number of chains that are under way at any time, at least
	// one for each driver. With more of them mailboxes are fuller, so that one
	// wake-up serves many messages, but the cache misses more. Defaults to what
	// gave the best figures when this was written: 262,144 up to 2,000 actors,
	// 65,536 up to 20,000, then 16,384. Whoever compares with a figure of
	// something else should give both the same number.
	InFlight int
	// Drivers is the number of goroutines that start a new chain whenever one has
	// ended. Defaults to the number of cores.
	Drivers int
	// Warmup is how long chains run before anything is counted. Defaults to 1
	// second.
	Warmup time.Duration
	// Duration is how long is measured. Defaults to 3 seconds.
	Duration time.Duration
}

// ActorsResult is what BareActors measured.
type ActorsResult struct {
	Addresses int `json:"addresses"`
	InFlight  int `json:"in_flight"`
	Drivers   int `json:"drivers"`
	// Messages were delivered during Elapsed; each hop of a chain is one.
	Messages          int64         `json:"messages"`
	Elapsed           time.Duration `json:"elapsed_ns"`
	MessagesPerSecond float64       `json:"messages_per_second"`
	AllocsPerMessage  float64       `json:"allocs_per_message"`
	// CoresUsed is how many cores the process had on average, 0 if that is not
	// known. Less than the machine has means that others were at work on it.
	CoresUsed float64 `json:"cores_used"`
	// MessagesPerCoreSecond is messages per second of one core's time. On a
	// machine that is shared it says more than MessagesPerSecond. 0 if CoresUsed
	// is.
	MessagesPerCoreSecond float64 `json:"messages_per_core_second"`
}

// String shows the result on one line.
func (r ActorsResult) String() string {
	return fmt.Sprintf("addresses=%d in_flight=%d drivers=%d: %.3f M messages/s, %.2f allocations a message, %.1f cores used (%.3f M per core and second)",
		r.Addresses, r.InFlight, r.Drivers, r.MessagesPerSecond/1e6, r.AllocsPerMessage, r.CoresUsed, r.MessagesPerCoreSecond/1e6)
}

// BareActors measures messages between Proto.Actor actors, with its default
// mailbox and dispatcher and nothing durable. Each actor has a counter. A chain
// is a message that goes to a random actor, which adds one to its counter and
// passes the message on to another random actor, until its hops are used up.
//
// The message is passed on as it is rather than copied, PIDs are kept in a slice,
// and neither metrics nor logging are on: it is as fast as a careful user would
// get it. In the end the counters of all actors are compared with the number of
// messages sent; if they differ, that is an error.
func BareActors(ctx context.Context, cfg ActorsConfig) (ActorsResult, error) {
	if err := cfg.validate(); err != nil {
		return ActorsResult{}, err
	}
	results, err := BareActorsSweep(ctx, cfg, cfg.InFlight)
	if err != nil {
		return ActorsResult{}, err
	}
	return results[0], nil
}

// BareActorsSweep is BareActors on the same actors for several values of
// ActorsConfig.InFlight, one after the other. It returns one result for each.
func BareActorsSweep(ctx context.Context, cfg ActorsConfig, inFlight ...int) ([]ActorsResult, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	actors := spawn(cfg.Addresses)
	results := make([]ActorsResult, 0, len(inFlight))
	for _, n := range inFlight {
		if n < cfg.Drivers {
			return nil, fmt.Errorf("benchmarks: InFlight: %d chains are too few for %d drivers", n, cfg.Drivers)
		}
		r, err := actors.measure(ctx, cfg, n)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, actors.verify()
}

// Best returns the result with the most messages per second, the zero
// ActorsResult if there is none.
func Best(results []ActorsResult) (best ActorsResult) {
	for _, r := range results {
		if r.MessagesPerSecond > best.MessagesPerSecond {
			best = r
		}
	}
	return best
}

// bestInFlight is the default of InFlight.
func bestInFlight(addresses int) int {
	switch {
	case addresses <= 2_000:
		return 262_144
	case addresses <= 20_000:
		return 65_536
	}
	return 16_384
}

// validate fills in the defaults.
func (c *ActorsConfig) validate() error {
	c.Addresses = cmp.Or(c.Addresses, 1000)
	c.Hops = cmp.Or(c.Hops, 4)
	c.Payload = cmp.Or(c.Payload, 64)
	c.InFlight = cmp.Or(c.InFlight, bestInFlight(c.Addresses))
	c.Drivers = cmp.Or(c.Drivers, runtime.GOMAXPROCS(0))
	c.Warmup = cmp.Or(c.Warmup, time.Second)
	c.Duration = cmp.Or(c.Duration, 3*time.Second)
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Addresses", int64(c.Addresses)},
		{"Hops", int64(c.Hops)},
		{"Payload", int64(c.Payload)},
		{"InFlight", int64(c.InFlight)},
		{"Drivers", int64(c.Drivers)},
		{"Warmup", int64(c.Warmup)},
		{"Duration", int64(c.Duration)},
	} {
		if f.value < 0 {
			return fmt.Errorf("benchmarks: %s: %d is negative", f.name, f.value)
		}
	}
	return nil
}
