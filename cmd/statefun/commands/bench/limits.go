package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// Limit is a figure and what it is to be: at least, or at most. Floor and Aim are 0
// if it is only reported.
type Limit struct {
	Work     string  `json:"work"`
	Unit     unit    `json:"unit"`
	AtMost   bool    `json:"at_most"`
	Floor    float64 `json:"floor"` // of AtMost a ceiling
	Aim      float64 `json:"aim"`
	Measured float64 `json:"measured"`
}

// unit is what a figure counts.
type unit string

const (
	ratio     unit = "ratio"
	perSecond unit = "per second"
	amount    unit = "number"
	byteCount unit = "bytes"

	milliseconds unit = "ms"
)

func (u unit) show(v float64) string {
	switch u {
	case perSecond:
		return console.Count(v) + "/s"
	case amount:
		return fmt.Sprintf("%.1f", v)
	case byteCount:
		return console.Count(v)
	case milliseconds:
		return fmt.Sprintf("%.2f ms", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// reaches reports whether the figure is as good as a bound, if there is one.
func (l *Limit) reaches(bound float64) bool {
	if l.AtMost {
		return bound == 0 || l.Measured <= bound
	}
	return l.Measured >= bound
}

// missed reports whether the floor is.
func (l *Limit) missed() bool { return !l.reaches(l.Floor) }

// verdict says how far the figure got.
func (l *Limit) verdict() string {
	switch {
	case l.missed():
		return "MISSED"
	case l.Aim != 0 && l.reaches(l.Aim):
		return "aim"
	case l.Floor != 0:
		return "floor"
	}
	return ""
}

// limits are what the figures of a report are held against.
func (r *Report) limits() (out []Limit) {
	out = append(out, grainsLimits(r.Grains)...)
	if c := r.Cold; c != nil {
		out = append(out,
			Limit{Work: count(c.Addresses) + " addresses, " + count(c.LiveGrains) + " live, to all live", Unit: ratio, Floor: 0.2, Aim: 0.35, Measured: c.RatioToAllLive},
			Limit{Work: "cold activations, state from the tables", Unit: perSecond, Floor: 90_000, Aim: 200_000, Measured: c.ActivationsPerSecond})
	}
	if t := r.Timers; t != nil {
		out = append(out,
			Limit{Work: "timers set", Unit: perSecond, Floor: 150_000, Aim: 400_000, Measured: t.SetPerSecond},
			Limit{Work: "timers fired", Unit: perSecond, Floor: 150_000, Aim: 400_000, Measured: t.FiredPerSecond})
	}
	if s := r.Sends; s != nil {
		for _, run := range s.Runs {
			out = append(out, Limit{Work: "HTTP sends, " + count(run.Connections) + " connections, to bare net/http", Unit: ratio, Floor: 0.5, Aim: 0.8, Measured: run.RatioToBare})
		}
	}
	if h := r.Hot; h != nil {
		work := fmt.Sprintf("%d %% to one address, the others to their share", h.HotPercent)
		out = append(out, Limit{Work: work, Unit: ratio, Floor: 0.7, Measured: h.RatioToUniform})
	}
	if m := r.Remote; m != nil {
		out = append(out, remoteLimits(m)...)
	}
	if v := r.Values; v != nil {
		for _, run := range v.Runs {
			out = append(out, Limit{Work: "values of " + console.Bytes(run.ValueBytes) + ", to bare Pebble", Unit: ratio, Measured: run.RatioToBare})
		}
	}
	return out
}

// grainsLimits are of a few grains first, then of many, then of very many.
func grainsLimits(grains []GrainsReport) (out []Limit) {
	var allocs, disk, resident float64
	for i, g := range grains {
		l := Limit{Work: count(g.Addresses) + " addresses, to bare Proto.Actor", Unit: ratio, Floor: 1.2, Aim: 2.5, Measured: g.RatioToRawActor}
		if i == 0 {
			l.Floor, l.Aim = 0.35, 0.6
		}
		out = append(out, l)
		allocs, disk = max(allocs, g.AllocsPerMessage), max(disk, g.DiskBytesPerByte)
		resident = g.ResidentPerGrain // most grains, so least of anything else
	}
	if len(grains) == 0 {
		return nil
	}
	out = append(out,
		Limit{Work: "allocations/message, at most", Unit: amount, AtMost: true, Floor: 3, Measured: allocs},
		Limit{Work: "bytes written to disk/byte of message, at most", Unit: ratio, AtMost: true, Aim: 3, Measured: disk})
	if resident > 0 {
		out = append(out, Limit{Work: "resident bytes/live grain, at most", Unit: byteCount, AtMost: true, Aim: 1536, Measured: resident})
	}
	return out
}

// remoteLimits are of a few addresses first, then of many.
func remoteLimits(r *RemoteReport) (out []Limit) {
	var resident uint64
	for i, run := range r.Runs {
		l := Limit{Work: "remote functions, " + count(run.Addresses) + " addresses, to a bare client", Unit: ratio, Floor: 0.45, Aim: 0.7, Measured: run.RatioToLimit}
		if i == 0 {
			l.Floor, l.Aim = 1, 1.5 // several messages go in one request
		}
		out = append(out, l)
		resident = max(resident, run.ResidentBytes)
	}
	if l := r.Latency; l != nil {
		work := fmt.Sprintf("remote functions, chains of %d, %s/s, ", r.Hops, count(l.Rate))
		out = append(out,
			Limit{Work: work + "p50, at most", Unit: milliseconds, AtMost: true, Floor: 3, Aim: 2.5, Measured: l.P50},
			Limit{Work: work + "p99, at most", Unit: milliseconds, AtMost: true, Floor: 12, Aim: 8, Measured: l.P99})
		resident = max(resident, l.ResidentBytes)
	}
	if resident > 0 {
		out = append(out, Limit{Work: "remote functions, resident bytes, at most", Unit: byteCount, AtMost: true, Floor: 150e6, Measured: float64(resident)})
	}
	return out
}

// count shortens a line.
func count(n int) string { return console.Count(n) }

// limitsTable shows figures beside what they are to be.
func limitsTable(c *console.Console, limits []Limit) {
	c.Printf("\nLimits\n")
	t := c.Table("work", "floor", "aim", "measured", "").Right(2, 3, 4)
	for i := range limits {
		l := &limits[i]
		bound := func(v float64) string {
			if v == 0 {
				return "–"
			}
			return l.Unit.show(v)
		}
		t.Row(l.Work, bound(l.Floor), bound(l.Aim), l.Unit.show(l.Measured), l.verdict())
	}
	t.Print()
}

// failure is the error if floors are missed that count.
func (r *Report) failure() error {
	missed := 0
	for i := range r.Limits {
		if r.Limits[i].missed() {
			missed++
		}
	}
	if missed == 0 || r.Scale != 1 {
		return nil
	}
	return fmt.Errorf("%d of %d limits are missed", missed, len(r.Limits))
}

// everything is all measurements at a scale.
type everything struct {
	scale  float64
	remote remoteConfig
}

// of is a number of addresses or timers at the scale.
func (a *everything) of(n int) int { return max(2, int(a.scale*float64(n))) }

func (a *everything) run(ctx context.Context, o *options, s *suite) error {
	remote := a.remote
	for i, n := range remote.addresses {
		remote.addresses[i] = a.of(n)
	}
	// First: its node has little memory, of which others would leave it less.
	if err := s.measureRemote(ctx, remote.timed(o)); err != nil {
		return err
	}
	chains := &chainFlags{addresses: []int{a.of(1_000), a.of(100_000), a.of(1_000_000)}}
	chains.config.Hops, chains.config.Payload, chains.config.States = 4, 64, 1
	if err := o.measureGrains(ctx, s, chains); err != nil {
		return err
	}
	cold, hot, cores := defaultCold(), defaultHot(), defaultCores()
	cold.addresses, cold.live = a.of(cold.addresses), a.of(cold.live)
	hot.addresses, cores.grains.Addresses = a.of(hot.addresses), a.of(cores.grains.Addresses)
	timers, sends, values := defaultTimers(), defaultSends(), defaultValues()
	timers.timers, timers.addresses = a.of(timers.timers), a.of(timers.addresses)
	for _, f := range []func() error{
		func() error { return s.measureCold(ctx, cold.timed(o)) },
		func() error { return s.measureTimers(ctx, timers) },
		func() error { return s.measureSends(ctx, sends.timed(o)) },
		func() error { return s.measureHot(ctx, hot.timed(o)) },
		func() error { return s.measureValues(ctx, values.timed(o)) },
		func() error { return s.measureCores(ctx, cores.timed(o)) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	s.scale = a.scale
	return nil
}

func (o *options) limits() *cobra.Command {
	all := &everything{remote: defaultRemote()}
	var server string
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "Measure everything, and hold it against its floors",
		Long: `Measures messages between 1,000, 100,000 and 1,000,000 grains, then what the
commands cold, timers, http, hot, values, cores and remote measure, each in its default
size. It takes about six minutes, and 4 GiB of memory and of disk. Then it shows what each
figure is to be: a floor and an aim, most of them in terms of a raw limit that was
measured in the same run.

If a floor is missed, the exit code is 1. Nothing should run beside it: heed the
warnings. With --scale below 1 nothing counts.

` + exit.Help,
		Args: noArgs,
	}
	cmd.Flags().Float64Var(&all.scale, "scale", 1, "`factor` for the numbers of addresses and timers, to see that it works")
	cmd.Flags().StringVar(&server, "server", "", "`command` that serves remote functions, as of remote")
	check := func(*options) (err error) {
		if all.scale <= 0 || all.scale > 1 {
			return errors.New("--scale: expected more than 0 to 1, found " + fmt.Sprint(all.scale))
		}
		all.remote.server, err = functionServerOf(cmd, server)
		return err
	}
	cmd.RunE = o.run(check, func(ctx context.Context, s *suite) error { return all.run(ctx, o, s) })
	return cmd
}
