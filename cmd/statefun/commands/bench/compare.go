package bench

import (
	"cmp"
	"context"
	"fmt"
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

// compare runs both. Unless cfg says how many chains are in flight, their number
// is the one with which bare actors are at their best, for grains too.
func (s *suite) compare(ctx context.Context, cfg GrainsConfig) (*comparison, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &comparison{}
	var err error
	if c.bare[0], err = s.bare(ctx, cfg); err != nil {
		return nil, err
	}
	// Each side has what it does best with, unless told otherwise.
	cfg.BareInFlight = c.bare[0].InFlight
	cfg.InFlight = cmp.Or(cfg.InFlight, defaultInFlight(cfg.Addresses))
	c.cfg = cfg
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
			Addresses: cfg.Addresses, Hops: cfg.Hops, Payload: cfg.Payload, InFlight: cmp.Or(cfg.BareInFlight, cfg.InFlight),
			Warmup: max(cfg.Warmup, 1), Duration: max(cfg.Duration/2, 1),
		})
		return err
	})
	return r, err
}

// barePerSecond is what both halves come to.
func (c *comparison) barePerSecond() float64 {
	messages := c.bare[0].Messages + c.bare[1].Messages
	return quotient(float64(messages), (c.bare[0].Elapsed + c.bare[1].Elapsed).Seconds())
}

func (c *comparison) ratio() float64 { return quotient(c.grains.MessagesPerSecond, c.barePerSecond()) }

// noise is how much faster the faster half was than the slower one: 0.1 for 10 %.
func (c *comparison) noise() float64 {
	return halves{c.bare[0].MessagesPerSecond, c.bare[1].MessagesPerSecond}.noise()
}

// coreRatio is ratio in terms of core time: what others did on the machine
// meanwhile falls out of it. 0 if core time is not known.
func (c *comparison) coreRatio() float64 {
	messages, seconds := 0.0, 0.0
	for _, r := range c.bare {
		messages += float64(r.Messages)
		seconds += r.CoresUsed * r.Elapsed.Seconds()
	}
	return quotient(c.grains.MessagesPerCoreSecond, quotient(messages, seconds))
}

// quotient is 0 if there is nothing to divide by: too short a run, or not known.
func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// coresUsed is how many cores the process had, at least, while it could use all.
func (c *comparison) coresUsed() float64 {
	return min(c.bare[0].CoresUsed, c.bare[1].CoresUsed, c.grains.CoresUsed)
}
