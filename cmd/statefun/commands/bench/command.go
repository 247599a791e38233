package bench

import (
	"cmp"
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
	profiles *profiles
}

// Command is `bench` with its subcommands.
func Command(c *console.Console, start StartNode) *cobra.Command {
	o := &options{console: c, start: start, profiles: &profiles{}}
	chains := &chainFlags{addresses: standardAddresses()}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure throughput and latency of this machine",
		Long: `Measures what a node does on this machine, next to the raw limits of the same
machine, in the same run. Alone it measures within a minute what matters most:
messages between 1,000 and 100,000 grains, HTTP calls, and the raw limits. The
commands below measure more, and limits all of it.

Everything is durable, and on the disk of the working directory unless --data says
otherwise; what was written is removed afterwards. Nothing should run beside it.

--json prints one object. In it, messages_per_second, raw_actor_messages_per_second,
ratio_to_raw_actor and allocs_per_message are those of the first number of grains;
p50_ms and p99_ms those of HTTP calls; what was not measured is null.

` + exit.Help,
		Args: noArgs,
	}
	cmd.RunE = o.run(chains.check, func(ctx context.Context, s *suite) error {
		if err := o.measureGrains(ctx, s, chains); err != nil {
			return err
		}
		return s.measureLatency(ctx, LatencyConfig{Warmup: o.warmup, Duration: o.duration})
	})
	f := cmd.PersistentFlags()
	f.StringVar(&o.data, "data", ".", "measure in a new `directory` below this one")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.DurationVar(&o.warmup, "warmup", 0, "how long each measurement runs before it counts (default 1s to 2s)")
	f.DurationVar(&o.duration, "duration", 0, "how long each measurement counts (default 2s to 12s)")
	o.profiles.flags(cmd)
	chains.common(cmd)
	cmd.AddCommand(o.grains(), o.latency(), o.cold(), o.timers(), o.sends(), o.hot(), o.values(), o.cores(), o.remote(), o.raw(), o.limits())
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	return exit.With(exit.Usage, cobra.NoArgs(cmd, args))
}

// run makes a command of measurements. check says what is wrong with the flags.
func (o *options) run(check func(*options) error, measure func(context.Context, *suite) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if o.warmup < 0 || o.duration < 0 {
			return exit.Usagef("--warmup and --duration: expected 0 or more, found %v and %v", o.warmup, o.duration)
		}
		if err := check(o); err != nil {
			return exit.With(exit.Usage, err)
		}
		o.profiles.arm()
		r, err := o.measure(cmd.Context(), measure)
		if err != nil {
			return err
		}
		if o.json {
			return cmp.Or(o.console.JSON(r), r.failure())
		}
		r.print(o.console)
		return r.failure()
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

// measureGrains measures what grains are compared with, and grains.
func (o *options) measureGrains(ctx context.Context, s *suite, f *chainFlags) error {
	if err := s.measureJournal(ctx, o.duration); err != nil {
		return err
	}
	for _, cfg := range f.configs(o) {
		if err := s.measureGrains(ctx, cfg); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) grains() *cobra.Command {
	chains := &chainFlags{addresses: []int{1000}}
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
		RunE: o.run(chains.check, func(ctx context.Context, s *suite) error { return o.measureGrains(ctx, s, chains) }),
	}
	chains.common(cmd)
	chains.all(cmd)
	return cmd
}

func (o *options) raw() *cobra.Command {
	chains := &chainFlags{addresses: standardAddresses()}
	cmd := &cobra.Command{
		Use:   "raw",
		Short: "Measure the raw limits of this machine",
		Long: `Measures what no runtime on this machine can exceed: messages between bare
Proto.Actor actors with nothing durable, synced batches of small writes on a bare
Pebble database, and how often the disk syncs.

` + exit.Help,
		Args: noArgs,
		RunE: o.run(chains.check, func(ctx context.Context, s *suite) error {
			if err := s.measureJournal(ctx, o.duration); err != nil {
				return err
			}
			for _, cfg := range chains.configs(o) {
				if err := s.measureActors(ctx, cfg); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	chains.common(cmd)
	return cmd
}

func (o *options) latency() *cobra.Command {
	c := &LatencyConfig{}
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
	f.IntVar(&c.Rate, "rate", 1000, "calls per `second`")
	f.IntVar(&c.Addresses, "addresses", 1000, "`number` of grains")
	check := func(o *options) error {
		c.Warmup, c.Duration, c.profiles = o.warmup, o.duration, o.profiles
		probe := *c
		return errors.Join(positive("addresses", c.Addresses), positive("rate", c.Rate), probe.validate())
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureLatency(ctx, *c) })
	return cmd
}
