package bench

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// options are the flags that all commands here have.
type options struct {
	console  *console.Console
	start    StartNode
	data     string
	json     bool
	warmup   time.Duration
	duration time.Duration
}

// Command is `bench` with its subcommands.
func Command(c *console.Console, start StartNode) *cobra.Command {
	o := &options{console: c, start: start}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure throughput and latency of this machine",
		Long: `Measures what a node does on this machine, next to the raw limits of the same
machine, in the same run. Alone it measures everything within a minute: messages
between 1,000 and 100,000 grains, HTTP calls, and the raw limits.

Everything is durable, and on the disk of the working directory unless --data says
otherwise; what was written is removed afterwards. Nothing should run beside it.

--json prints one object. In it, messages_per_second, raw_actor_messages_per_second,
ratio_to_raw_actor and allocs_per_message are those of 1,000 grains; p50_ms and
p99_ms those of HTTP calls; what was not measured is null.

` + exit.Help,
		Args: noArgs,
		RunE: o.run(func(ctx context.Context, s *suite) error { return o.all(ctx, s) }),
	}
	f := cmd.PersistentFlags()
	f.StringVar(&o.data, "data", ".", "measure in a new `directory` below this one")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.DurationVar(&o.warmup, "warmup", 0, "how long each measurement runs before it counts (default 1s to 2s)")
	f.DurationVar(&o.duration, "duration", 0, "how long each measurement counts (default 2s to 10s)")
	cmd.AddCommand(o.grains(), o.latency(), o.raw())
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	return exit.With(exit.Usage, cobra.NoArgs(cmd, args))
}

// run makes a command of measurements.
func (o *options) run(measure func(context.Context, *suite) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if o.warmup < 0 || o.duration < 0 {
			return exit.Usagef("--warmup and --duration: expected 0 or more, found %v and %v", o.warmup, o.duration)
		}
		r, err := o.measure(cmd.Context(), measure)
		if err != nil {
			return err
		}
		if o.json {
			return o.console.JSON(r)
		}
		r.print(o.console)
		return nil
	}
}

func (o *options) measure(ctx context.Context, measure func(context.Context, *suite) error) (Report, error) {
	s, err := newSuite(ctx, o.start, o.data, o.console.Progress(), o.duration)
	if err == nil {
		err = measure(ctx, s)
	}
	if err != nil {
		return Report{}, err
	}
	return s.report(), nil
}

// grainsDefault is long enough for a table to be written out meanwhile.
const grainsDefault = 4 * time.Second

// standardAddresses are a few grains, which the caches of a processor hold, and
// many, which they do not.
func standardAddresses() []int { return []int{1_000, 100_000} }

// all is `bench` alone.
func (o *options) all(ctx context.Context, s *suite) error {
	if err := s.measureJournal(ctx, o.duration); err != nil {
		return err
	}
	for _, addresses := range standardAddresses() {
		if err := s.measureGrains(ctx, o.grainsConfig(GrainsConfig{Addresses: addresses})); err != nil {
			return err
		}
	}
	return s.measureLatency(ctx, LatencyConfig{Warmup: o.warmup, Duration: o.duration})
}

func (o *options) grainsConfig(c GrainsConfig) GrainsConfig {
	c.Warmup, c.Duration = o.warmup, o.duration
	if c.Duration == 0 {
		c.Duration = grainsDefault
	}
	return c
}

func (o *options) grains() *cobra.Command {
	var c GrainsConfig
	cmd := &cobra.Command{
		Use:   "grains",
		Short: "Measure messages between grains with durable state",
		Long: `Measures chains of messages between random grains of a node: each hop adds one to
the grain's states and passes the message on. The same chains run between bare
Proto.Actor actors, with nothing durable, before and after; and synced batches of
small writes on a bare Pebble database.

In the end the durable states of all grains must add up to the number of messages.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&c.Addresses, "addresses", 1000, "number of grains, and of bare actors")
	f.IntVar(&c.Hops, "hops", 4, "messages in a chain")
	f.IntVar(&c.Payload, "payload", 64, "size of a message in bytes")
	f.IntVar(&c.States, "state", 1, "Int64 states per address that each message adds one to")
	f.IntVar(&c.InFlight, "in-flight", 0, "chains under way at a time, on both sides (default: what suits the number of addresses)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg := o.grainsConfig(c)
		if c.States == 0 {
			cfg.States = -1
		}
		probe := cfg
		if err := errors.Join(positive("addresses", c.Addresses), positive("hops", c.Hops), positive("payload", c.Payload), probe.validate()); err != nil {
			return exit.With(exit.Usage, err)
		}
		return o.run(func(ctx context.Context, s *suite) error {
			if err := s.measureJournal(ctx, o.duration); err != nil {
				return err
			}
			return s.measureGrains(ctx, cfg)
		})(cmd, args)
	}
	return cmd
}

func (o *options) latency() *cobra.Command {
	var c LatencyConfig
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Measure HTTP calls to a grain and back",
		Long: `Measures calls through HTTP to random grains that add one to a durable state and
reply. Calls begin at a fixed rate, whether or not earlier ones have been answered,
and their time counts from when they should have begun. The client runs beside the
node, on the same cores.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&c.Rate, "rate", 1000, "calls per second")
	f.IntVar(&c.Addresses, "addresses", 1000, "number of grains")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.Warmup, c.Duration = o.warmup, o.duration
		probe := c
		if err := errors.Join(positive("addresses", c.Addresses), positive("rate", c.Rate), probe.validate()); err != nil {
			return exit.With(exit.Usage, err)
		}
		return o.run(func(ctx context.Context, s *suite) error { return s.measureLatency(ctx, c) })(cmd, args)
	}
	return cmd
}

func (o *options) raw() *cobra.Command {
	return &cobra.Command{
		Use:   "raw",
		Short: "Measure the raw limits of this machine",
		Long: `Measures what no runtime on this machine can exceed: messages between bare
Proto.Actor actors with nothing durable, synced batches of small writes on a bare
Pebble database, and how often the disk syncs.

` + exit.Help,
		Args: noArgs,
		RunE: o.run(func(ctx context.Context, s *suite) error {
			if err := s.measureJournal(ctx, o.duration); err != nil {
				return err
			}
			for _, addresses := range standardAddresses() {
				if err := s.measureActors(ctx, o.grainsConfig(GrainsConfig{Addresses: addresses})); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// positive is for flags whose 0 would stand for the default elsewhere.
func positive(flag string, n int) error {
	if n < 1 {
		return exit.Usagef("--%s: expected 1 or more, found %d", flag, n)
	}
	return nil
}
