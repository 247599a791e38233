package bench

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// chainFlags are the flags of commands that run chains.
type chainFlags struct {
	addresses []int // a measurement for each
	config    GrainsConfig
}

// standardAddresses are a few grains, which the caches of a processor hold, and
// many, which they do not.
func standardAddresses() []int { return []int{1_000, 100_000} }

// common adds what every such command has.
func (c *chainFlags) common(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntSliceVar(&c.addresses, "addresses", c.addresses, "`number` of grains, and of bare actors; several are measured one after the other")
	f.IntVar(&c.config.InFlight, "in-flight", 0, "`number` of chains under way at a time, on both sides (default: for each side what it does best with)")
	c.config.Hops, c.config.Payload, c.config.States = 4, 64, 1
}

// all adds the rest.
func (c *chainFlags) all(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&c.config.Hops, "hops", c.config.Hops, "`number` of messages in a chain")
	f.IntVar(&c.config.Payload, "payload", c.config.Payload, "size of a message in `bytes`")
	f.IntVar(&c.config.BareInFlight, "raw-in-flight", 0, "`number` of chains under way between bare actors, if not the same")
	f.IntVar(&c.config.LiveGrains, "live-grains", 0, "`number` of grains, about, that stay in memory (default: as in any node, or all if that is more)")
	f.IntVar(&c.config.States, "state", c.config.States, "`number` of Int64 states of an address, each of which a message adds one to")
}

// check says what is wrong with the flags.
func (c *chainFlags) check(o *options) error {
	errs := []error{positive("hops", c.config.Hops), positive("payload", c.config.Payload)}
	if c.config.States < 0 {
		errs = append(errs, inRange("--state", c.config.States, 0, maxStates))
	}
	for _, n := range c.addresses {
		errs = append(errs, positive("addresses", n))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, cfg := range c.configs(o) {
		if err := cfg.validate(); err != nil {
			return err
		}
	}
	return nil
}

// grainsDuration is long enough for tables to be written out meanwhile.
func grainsDuration(addresses int) time.Duration {
	if addresses < 500_000 {
		return 4 * time.Second
	}
	return 12 * time.Second
}

// configs are the measurements to be made.
func (c *chainFlags) configs(o *options) []GrainsConfig {
	var out []GrainsConfig
	for _, n := range c.addresses {
		cfg := c.config
		cfg.Addresses, cfg.Warmup, cfg.Duration = n, o.warmup, o.duration
		if cfg.Duration == 0 {
			cfg.Duration = grainsDuration(n)
		}
		if cfg.States == 0 {
			cfg.States = -1 // none, not the default
		}
		out = append(out, cfg)
	}
	if last := len(out) - 1; last >= 0 {
		out[last].profiles = o.profiles
	}
	return out
}

// positive is for flags whose 0 would stand for the default elsewhere.
func positive(flag string, n int) error { return inRange("--"+flag, n, 1, maxPositive) }

// maxPositive is for values that are checked again.
const maxPositive = 1 << 40
