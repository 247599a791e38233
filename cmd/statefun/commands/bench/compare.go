package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/statefun-go/statefun/benchmarks"
)

// comparison is grains, and bare actors that ran the same chains before and
// after them, half as long each: what else happens on the machine meanwhile
// falls on both, and shows where the two halves differ.
type comparison struct {
	cfg    GrainsConfig
	grains GrainsResult
	bare   [2]benchmarks.ActorsResult
}

func (s *suite) compare(ctx context.Context, cfg GrainsConfig) (*comparison, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &comparison{cfg: cfg}
	var err error
	if c.bare[0], err = s.bare(ctx, cfg); err != nil {
		return nil, err
	}
	err = s.step(fmt.Sprintf("%d grains", cfg.Addresses), cfg.Warmup+cfg.Duration+time.Second, func() (err error) {
		c.grains, err = Grains(ctx, s.start, s.dir, cfg)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.bare[1], err = s.bare(ctx, cfg)
	return c, err
}

// bare runs one half of the bare actors.
func (s *suite) bare(ctx context.Context, cfg GrainsConfig) (r benchmarks.ActorsResult, err error) {
	err = s.step(fmt.Sprintf("%d bare actors", cfg.Addresses), cfg.Warmup+cfg.Duration/2, func() (err error) {
		r, err = benchmarks.BareActors(ctx, benchmarks.ActorsConfig{
			Addresses: cfg.Addresses, Hops: cfg.Hops, Payload: cfg.Payload, InFlight: cfg.InFlight,
			Warmup: max(cfg.Warmup, 1), Duration: max(cfg.Duration/2, 1),
		})
		return err
	})
	runtime.GC() // so that nobody pays for the garbage of the phase before
	return r, err
}

// barePerSecond is what both halves come to.
func (c *comparison) barePerSecond() float64 {
	messages := c.bare[0].Messages + c.bare[1].Messages
	return float64(messages) / (c.bare[0].Elapsed + c.bare[1].Elapsed).Seconds()
}

func (c *comparison) ratio() float64 { return c.grains.MessagesPerSecond / c.barePerSecond() }

// noise is how much faster the faster half was than the slower one: 0.1 for 10 %.
func (c *comparison) noise() float64 {
	a, b := c.bare[0].MessagesPerSecond, c.bare[1].MessagesPerSecond
	return max(a, b)/min(a, b) - 1
}

// coresUsed is how many cores the process had, at least, while it could use all.
func (c *comparison) coresUsed() float64 {
	return min(c.bare[0].CoresUsed, c.bare[1].CoresUsed, c.grains.CoresUsed)
}
