package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// hotConfig says how much of the load goes to one address.
type hotConfig struct {
	addresses int
	percent   int // of the messages go to the hot address
	inFlight  int // chains, 0 for what Grains takes
	warmup    time.Duration
	duration  time.Duration
	profiles  *profiles
}

func defaultHot() hotConfig { return hotConfig{addresses: 100_000, percent: 90} }

// timed is the same with the durations and profiles of the flags.
func (c hotConfig) timed(o *options) hotConfig {
	c.warmup, c.duration, c.profiles = o.warmup, cmp.Or(o.duration, 4*time.Second), o.profiles
	return c
}

// HotReport is what other addresses get done while most messages go to one.
type HotReport struct {
	Addresses  int     `json:"addresses"`
	HotPercent int     `json:"hot_percent"`
	Seconds    float64 `json:"seconds"`
	// UniformPerSecond is messages to all addresses alike, UniformHalves before and
	// after the hot run.
	UniformPerSecond float64 `json:"uniform_messages_per_second"`
	UniformHalves    halves  `json:"uniform_halves"`
	// MessagesPerSecond is with a hot address, OthersPerSecond those of it that
	// went elsewhere.
	MessagesPerSecond float64 `json:"messages_per_second"`
	OthersPerSecond   float64 `json:"others_messages_per_second"`
	// OthersShare is as large a part of the uniform messages as goes elsewhere with a
	// hot address, and RatioToUniform what OthersPerSecond is of that.
	OthersShare    float64 `json:"others_uniform_share_per_second"`
	RatioToUniform float64 `json:"others_ratio_to_uniform"`
}

// hotspot is the share of messages that goes to one address, and what it got.
type hotspot struct {
	share float64
	got   atomic.Int64 // only its own grain adds
	// others is what other addresses got while that was measured.
	others int64
}

func (h *hotspot) observe(e *actors.Engine) (end func()) {
	before := h.gotOthers(e)
	return func() { h.others = h.gotOthers(e) - before }
}

// gotOthers is what other addresses got so far.
func (h *hotspot) gotOthers(e *actors.Engine) int64 {
	return invocations(e, hopType) - h.got.Load()
}

func (c *hotConfig) grains(d time.Duration) GrainsConfig {
	return GrainsConfig{
		Addresses: c.addresses, InFlight: cmp.Or(c.inFlight, defaultInFlight(c.addresses)), Warmup: c.warmup, Duration: d,
	}
}

// measureHot runs chains between all addresses alike, then with most hops to one of
// them, then alike again.
func (s *suite) measureHot(ctx context.Context, cfg hotConfig) error {
	r := &HotReport{Addresses: cfg.addresses, HotPercent: cfg.percent}
	for i := range r.UniformHalves {
		err := s.step(fmt.Sprintf("%d addresses alike", cfg.addresses), cfg.warmup+cfg.duration/2+time.Second, func() error {
			g, err := Grains(ctx, s.start, s.dir, cfg.grains(max(cfg.duration/2, time.Millisecond)))
			r.UniformHalves[i] = g.MessagesPerSecond
			return err
		})
		if err != nil {
			return err
		}
		if i > 0 {
			break
		}
		err = s.step(fmt.Sprintf("%d %% to one of %d addresses", cfg.percent, cfg.addresses), cfg.warmup+cfg.duration+time.Second, func() error {
			return r.measure(ctx, s, cfg)
		})
		if err != nil {
			return err
		}
	}
	r.UniformPerSecond = r.UniformHalves.mean()
	r.OthersShare = r.UniformPerSecond * float64(100-cfg.percent) / 100
	r.RatioToUniform = quotient(r.OthersPerSecond, r.OthersShare)
	s.Hot = r
	return nil
}

func (r *HotReport) measure(ctx context.Context, s *suite, cfg hotConfig) error {
	g := cfg.grains(cfg.duration)
	if err := g.validate(); err != nil {
		return err
	}
	g.profiles = cfg.profiles
	c := newChains(g)
	c.hot = &hotspot{share: float64(cfg.percent) / 100}
	c.observe = c.hot.observe
	u, err := c.runChecked(ctx, s, NodeConfig{HTTP: "off"})
	r.Seconds, r.MessagesPerSecond = u.Elapsed.Seconds(), u.MessagesPerSecond
	r.OthersPerSecond = quotient(float64(c.hot.others), u.Elapsed.Seconds())
	return err
}

func (r *HotReport) print(c *console.Console) {
	c.Printf("One hot address: %d %% of the messages to one of %s, %s\n", r.HotPercent, console.Count(r.Addresses), seconds(r.Seconds))
	t := c.Table().Right(2)
	t.Row("all addresses alike, messages/s", console.Count(r.UniformPerSecond))
	t.Row("  before, after", r.UniformHalves.String())
	t.Row("with a hot address, messages/s", console.Count(r.MessagesPerSecond))
	t.Row("  to the others", console.Count(r.OthersPerSecond))
	t.Row(fmt.Sprintf("%d %% of all alike, messages/s", 100-r.HotPercent), console.Count(r.OthersShare))
	t.Row("ratio of the others to that", fmt.Sprintf("%.2f", r.RatioToUniform))
	t.Print()
}

func (r *HotReport) warnings() []string { return r.UniformHalves.warnings("all addresses alike") }

func (o *options) hot() *cobra.Command {
	cfg := defaultHot()
	cmd := &cobra.Command{
		Use:   "hot",
		Short: "Measure what one hot address does to the others",
		Long: `Measures chains of messages of which most hops go to one hot address, which handles
one at a time, and the others to random ones. What the others get done is compared
with their share of the same chains when all addresses are alike: with 90 % to the
hot one, with a tenth of those messages/s. 1.00 means that the hot address costs the
others nothing.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntVar(&cfg.addresses, "addresses", cfg.addresses, "`number` of addresses")
	f.IntVar(&cfg.percent, "percent", cfg.percent, "`percentage` of messages to the hot address")
	f.IntVar(&cfg.inFlight, "in-flight", 0, "`number` of chains under way at a time (default: as grains)")
	check := func(o *options) error {
		cfg = cfg.timed(o)
		all := cfg.grains(cfg.duration)
		return errors.Join(inRange("--addresses", cfg.addresses, 2, 1_000_000), inRange("--percent", cfg.percent, 1, 99), all.validate())
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureHot(ctx, cfg) })
	return cmd
}
