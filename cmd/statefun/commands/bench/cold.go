package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// coldConfig says how much more addresses there are than grains in memory.
type coldConfig struct {
	addresses int
	live      int // grains that stay in memory
	inFlight  int // chains, 0 for what Grains takes
	warmup    time.Duration
	duration  time.Duration
	profiles  *profiles
}

// ColdReport is what messages cost whose grains are not in memory.
type ColdReport struct {
	Addresses  int     `json:"addresses"`
	LiveGrains int     `json:"live_grains"`
	Seconds    float64 `json:"seconds"`
	// Chains between as many addresses as live.
	AllLivePerSecond float64 `json:"all_live_messages_per_second"`
	// The same between all addresses.
	MessagesPerSecond     float64 `json:"messages_per_second"`
	RatioToAllLive        float64 `json:"ratio_to_all_live"`
	ActivationsPerMessage float64 `json:"activations_per_message"`
	ResidentPerGrain      float64 `json:"resident_bytes_per_live_grain"` // 0 if not known
	AllocsPerMessage      float64 `json:"allocs_per_message"`
	DiskBytesPerMessage   float64 `json:"disk_bytes_per_message"`
	// One message to each address, whose state is in the tables only.
	ActivationsPerSecond float64 `json:"cold_activations_per_second"`
}

func defaultCold() coldConfig { return coldConfig{addresses: 1_000_000, live: 100_000} }

// timed is the same with the durations and profiles of the flags.
func (c coldConfig) timed(o *options) coldConfig {
	c.warmup, c.duration, c.profiles = o.warmup, cmp.Or(o.duration, 8*time.Second), o.profiles
	return c
}

func (c *coldConfig) grains(addresses int) GrainsConfig {
	return GrainsConfig{
		Addresses: addresses, LiveGrains: c.live, InFlight: cmp.Or(c.inFlight, defaultInFlight(addresses)), Warmup: c.warmup, Duration: c.duration,
	}
}

// measureCold runs the same chains over as many addresses as live, then over all of
// them; then it stops the node, starts it again, and touches each address once.
func (s *suite) measureCold(ctx context.Context, cfg coldConfig) error {
	r := &ColdReport{Addresses: cfg.addresses, LiveGrains: cfg.live}
	allLive, some := cfg.grains(cfg.live), cfg.grains(cfg.addresses)
	allLive.LiveGrains = 0
	if err := errors.Join(allLive.validate(), some.validate()); err != nil {
		return err
	}
	err := s.step(fmt.Sprintf("%d grains, all live", cfg.live), cfg.warmup+cfg.duration+time.Second, func() error {
		g, err := Grains(ctx, s.start, s.dir, allLive)
		r.AllLivePerSecond = g.MessagesPerSecond
		return err
	})
	if err != nil {
		return err
	}
	err = withDirectory(s.dir, func(data string) error {
		node := NodeConfig{DataDir: data, HTTP: "off", LiveGrains: cfg.live}
		warm := newChains(some)
		err := s.step(fmt.Sprintf("%d addresses, %d live", cfg.addresses, cfg.live), cfg.warmup+cfg.duration+10*time.Second, func() error {
			return runNode(ctx, s.start, node, func(n Node) error { return r.measureUniform(ctx, n.Engine(), warm) }, warm.function())
		})
		if err != nil {
			return err
		}
		cold := newColdChains(some, warm.sent)
		return s.step(fmt.Sprintf("%d cold activations", cfg.addresses), 10*time.Second, func() error {
			return runNode(ctx, s.start, node, func(n Node) error { return r.measureTables(ctx, n.Engine(), cold, cfg.profiles) }, cold.function())
		})
	})
	s.Cold = r
	return err
}

// measureUniform runs chains over more addresses than live.
func (r *ColdReport) measureUniform(ctx context.Context, e *actors.Engine, c *chains) error {
	g, err := c.measure(ctx, e)
	r.Seconds, r.MessagesPerSecond, r.ActivationsPerMessage = g.Elapsed.Seconds(), g.MessagesPerSecond, g.ActivationsPerMessage
	r.ResidentPerGrain, r.AllocsPerMessage, r.DiskBytesPerMessage = g.ResidentPerGrain, g.AllocsPerMessage, g.DiskBytesPerMessage
	r.RatioToAllLive = quotient(r.MessagesPerSecond, r.AllLivePerSecond)
	return err
}

// newColdChains sends one message to each address, in random order. The grains have
// counted so many before.
func newColdChains(cfg GrainsConfig, before int64) *chains {
	cfg.Hops = 1
	script := make([]int32, cfg.Addresses)
	for i := range script {
		script[i] = int32(i) //nolint:gosec // validated
	}
	rand.Shuffle(len(script), func(i, j int) { script[i], script[j] = script[j], script[i] })
	c := scriptedChains(cfg, script)
	c.sent = before
	return c
}

// measureTables touches every address once. Each finds its state in the tables: the
// node has just started, so that the overlay is empty, and no address comes twice.
func (r *ColdReport) measureTables(ctx context.Context, e *actors.Engine, c *chains, p *profiles) error {
	if m := e.Metrics(); m.LiveGrains > 0 || m.Journal.OverlayBytes > emptyOverlay {
		return fmt.Errorf("a node that was just started has %d grains and %d bytes that are not in its tables", m.LiveGrains, m.Journal.OverlayBytes)
	}
	end, err := p.cover()
	if err != nil {
		return err
	}
	took, err := c.runTotal(ctx, e)
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	c.sent += int64(len(c.ids))
	if n := e.Metrics().Activations; n != uint64(len(c.ids)) {
		return fmt.Errorf("%d activations for one message to each of %d addresses", n, len(c.ids))
	}
	r.ActivationsPerSecond = float64(len(c.ids)) / took.Seconds()
	return c.verify(e)
}

// emptyOverlay is room for what a start notes.
const emptyOverlay = 4 << 10

func (r *ColdReport) print(c *console.Console) {
	c.Printf("Messages to grains that are not in memory: %s addresses, %s live, %s\n", console.Count(r.Addresses), console.Count(r.LiveGrains), seconds(r.Seconds))
	t := c.Table().Right(2)
	t.Row(console.Count(r.LiveGrains)+" addresses, all live, messages/s", console.Count(r.AllLivePerSecond))
	t.Row(console.Count(r.Addresses)+" addresses, messages/s", console.Count(r.MessagesPerSecond))
	t.Row("ratio to all live", fmt.Sprintf("%.2f", r.RatioToAllLive))
	t.Row("activations/message", fmt.Sprintf("%.2f", r.ActivationsPerMessage))
	t.Row("allocations/message", fmt.Sprintf("%.1f", r.AllocsPerMessage))
	t.Row("written to disk/message", fmt.Sprintf("%.0f bytes", r.DiskBytesPerMessage))
	t.Row("resident/live grain", known(r.ResidentPerGrain, "%.0f bytes"))
	t.Row("after a restart, state from the tables, activations/s", console.Count(r.ActivationsPerSecond))
	t.Print()
}

func (*ColdReport) warnings() []string { return nil }

func (o *options) cold() *cobra.Command {
	cfg := defaultCold()
	cmd := &cobra.Command{
		Use:   "cold",
		Short: "Measure messages to grains that are not in memory",
		Long: `Measures chains of messages between random addresses, of which only some can live:
most messages activate a grain, and passivate another one. They are compared with
the same chains over as many addresses as live.

Then the node stops, starts again, and each address gets one message, in random
order: all of them read their state from the tables.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&cfg.addresses, "addresses", cfg.addresses, "`number` of addresses")
	f.IntVar(&cfg.live, "live-grains", cfg.live, "`number` of grains, about, that stay in memory")
	f.IntVar(&cfg.inFlight, "in-flight", 0, "`number` of chains under way at a time (default: as grains)")
	check := func(o *options) error {
		cfg = cfg.timed(o)
		all := cfg.grains(cfg.addresses)
		return errors.Join(positive("live-grains", cfg.live), all.validate(), inRange("--addresses", cfg.addresses, cfg.live, maxScript))
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureCold(ctx, cfg) })
	return cmd
}

// maxScript is how many addresses can be touched one by one.
const maxScript = 100_000_000
