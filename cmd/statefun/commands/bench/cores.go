package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/benchmarks"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// coresConfig says on how many cores the same chains run.
type coresConfig struct {
	cores    []int // a measurement for each
	grains   GrainsConfig
	profiles *profiles
}

// defaultCores are one, two, and all.
func defaultCores() coresConfig {
	cores := []int{1, 2}
	if n := runtime.NumCPU(); n > 2 {
		cores = append(cores, n)
	}
	return coresConfig{cores: cores, grains: GrainsConfig{Addresses: 100_000}}
}

// timed is the same with the durations and profiles of the flags.
func (c coresConfig) timed(o *options) coresConfig {
	c.grains.Warmup, c.grains.Duration, c.profiles = o.warmup, cmp.Or(o.duration, 4*time.Second), o.profiles
	return c
}

// CoresReport is the same chains on some numbers of cores.
type CoresReport struct {
	Addresses int        `json:"addresses"`
	Seconds   float64    `json:"seconds"`
	Runs      []CoresRun `json:"runs"`
}

// CoresRun is grains and bare actors on so many cores.
type CoresRun struct {
	Cores             int     `json:"cores"` // GOMAXPROCS
	MessagesPerSecond float64 `json:"messages_per_second"`
	SpeedUp           float64 `json:"speed_up"` // over the first run
	CoresUsed         float64 `json:"cores_used"`
	BarePerSecond     float64 `json:"raw_actor_messages_per_second"`
	BareSpeedUp       float64 `json:"raw_actor_speed_up"`
	// LockShare is how long goroutines waited for locks, of the time that all cores
	// had.
	LockShare float64 `json:"lock_wait_share"`
	// Where goroutines waited for locks, and for anything else.
	Locks []Contention `json:"locks"`
	Waits []Contention `json:"waits"`
}

// measureCores runs chains between grains, and between bare actors, on each number of
// cores.
func (s *suite) measureCores(ctx context.Context, cfg coresConfig) error {
	if err := cfg.grains.validate(); err != nil {
		return err
	}
	r := &CoresReport{Addresses: cfg.grains.Addresses, Seconds: cfg.grains.Duration.Seconds()}
	for i, n := range cfg.cores {
		g := cfg.grains
		if i == len(cfg.cores)-1 {
			g.profiles = cfg.profiles
		}
		run, err := s.runOn(ctx, n, g)
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, run)
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		run.SpeedUp = quotient(run.MessagesPerSecond, r.Runs[0].MessagesPerSecond)
		run.BareSpeedUp = quotient(run.BarePerSecond, r.Runs[0].BarePerSecond)
	}
	s.Cores = r
	return nil
}

func (s *suite) runOn(ctx context.Context, cores int, g GrainsConfig) (CoresRun, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	run := CoresRun{Cores: cores}
	var bare benchmarks.ActorsResult
	bare, err := s.bare(ctx, g)
	if err != nil {
		return run, err
	}
	run.BarePerSecond = bare.MessagesPerSecond
	g.InFlight = cmp.Or(g.InFlight, defaultInFlight(g.Addresses))
	c := newChains(g)
	c.observe = func(*actors.Engine) func() {
		stop := recordContention()
		return func() { run.Locks, run.Waits = stop() }
	}
	err = s.step(fmt.Sprintf("%d grains on %d cores", g.Addresses, cores), g.Warmup+g.Duration+time.Second, func() error {
		u, err := c.runChecked(ctx, s, NodeConfig{HTTP: "off", LiveGrains: g.LiveGrains, Confined: true})
		run.MessagesPerSecond, run.CoresUsed = u.MessagesPerSecond, u.CoresUsed
		run.LockShare = quotient(waited(run.Locks), u.Elapsed.Seconds()*float64(cores))
		return err
	})
	return run, err
}

func (r *CoresReport) print(c *console.Console) {
	c.Printf("More cores: messages between %s grains, %s each\n", console.Count(r.Addresses), seconds(r.Seconds))
	t := newSheet(c, "cores", len(r.Runs), func(i int) string { return console.Count(r.Runs[i].Cores) })
	row := func(name string, cell func(r *CoresRun) string) {
		t.row(name, func(i int) string { return cell(&r.Runs[i]) })
	}
	row("messages/s", func(r *CoresRun) string { return console.Count(r.MessagesPerSecond) })
	row("times the first", func(r *CoresRun) string { return fmt.Sprintf("%.2f", r.SpeedUp) })
	row("cores used", func(r *CoresRun) string { return known(r.CoresUsed, "%.1f") })
	row("bare Proto.Actor, nothing durable", func(r *CoresRun) string { return console.Count(r.BarePerSecond) })
	row("  times the first", func(r *CoresRun) string { return fmt.Sprintf("%.2f", r.BareSpeedUp) })
	row("waiting for locks, of the time of all cores", func(r *CoresRun) string { return fmt.Sprintf("%.2f %%", 100*r.LockShare) })
	t.print()
	for i := range r.Runs {
		run := &r.Runs[i]
		printContention(c, fmt.Sprintf("Who kept others waiting for a lock (GOMAXPROCS %d)", run.Cores), run.Locks)
		printContention(c, fmt.Sprintf("Who waited for what others do (GOMAXPROCS %d)", run.Cores), run.Waits)
	}
}

func printContention(c *console.Console, title string, at []Contention) {
	c.Printf("\n%s\n", title)
	if len(at) == 0 {
		c.Printf("nobody\n")
		return
	}
	t := c.Table("seconds", "times", "where").Right(1, 2)
	for _, p := range at {
		t.Row(fmt.Sprintf("%.3f", p.Seconds), console.Count(p.Times), p.Place)
	}
	t.Print()
}

func (*CoresReport) warnings() []string { return nil }

func (o *options) cores() *cobra.Command {
	cfg := defaultCores()
	cmd := &cobra.Command{
		Use:   "cores",
		Short: "Measure what more cores bring, and what goroutines wait for",
		Long: `Measures chains of messages between grains, and between bare Proto.Actor actors, on
one core, on two, and on all (GOMAXPROCS). It shows where goroutines of the node kept
others waiting for a lock, and where they waited for something else, as a worker does
that has nothing to do. What shows among the locks is what serialises grains.

Seconds are those of all goroutines together. Contention is sampled: one lock in
ten, and waiting from 10 µs.

` + exit.Help,
		Args: noArgs,
	}
	f := cmd.Flags()
	f.IntSliceVar(&cfg.cores, "cores", cfg.cores, "`number` of cores; several are measured one after the other")
	f.IntVar(&cfg.grains.Addresses, "addresses", cfg.grains.Addresses, "`number` of grains, and of bare actors")
	f.IntVar(&cfg.grains.InFlight, "in-flight", 0, "`number` of chains under way at a time, on both sides (default: for each side what it does best with)")
	check := func(o *options) error {
		cfg = cfg.timed(o)
		errs := []error{positive("addresses", cfg.grains.Addresses), cfg.grains.validate()}
		for _, n := range cfg.cores {
			errs = append(errs, inRange("--cores", n, 1, 1024))
		}
		return errors.Join(errs...)
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return s.measureCores(ctx, cfg) })
	return cmd
}
