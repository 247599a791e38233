package bench

import (
	"fmt"

	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
)

// print shows a report to people.
func (r *Report) print(c *console.Console) {
	r.Machine.print(c)
	if len(r.Grains) > 0 {
		r.printGrains(c)
	}
	if r.Latency != nil {
		r.Latency.print(c)
	}
	for _, s := range r.all() {
		c.Printf("\n")
		s.print(c)
	}
	if r.Journal != nil || len(r.Actors) > 0 {
		r.printRaw(c)
	}
	if len(r.Limits) > 0 {
		limitsTable(c, r.Limits)
	}
	for _, w := range r.Warnings {
		c.Notef("warning: %s", w)
	}
}

func (m *Machine) print(c *console.Console) {
	t := c.Table()
	t.Row("machine", m.String())
	t.Row("directory", fmt.Sprintf("%s (%s)", m.Directory, m.FileSystem))
	t.Row("fsync", fmt.Sprintf("p50 %.2f ms, p99 %.2f ms, %s/s one after the other", m.FsyncP50, m.FsyncP99, console.Count(m.FsyncsPerSecond)))
	t.Print()
}

func (r *Report) printGrains(c *console.Console) {
	g := r.Grains[0]
	c.Printf("\nMessages between grains, durable: chains of %d, %d bytes, %d Int64 of state, %s each\n",
		g.Hops, g.PayloadBytes, g.States, seconds(g.Seconds))
	t := newSheet(c, "addresses", len(r.Grains), func(i int) string { return console.Count(r.Grains[i].Addresses) })
	row := func(name string, cell func(g *GrainsReport) string) {
		t.row(name, func(i int) string { return cell(&r.Grains[i]) })
	}
	row("messages/s", func(g *GrainsReport) string { return console.Count(g.MessagesPerSecond) })
	row("bare Proto.Actor, nothing durable", func(g *GrainsReport) string { return console.Count(g.RawActorMessagesPerSecond) })
	row("  before, after", func(g *GrainsReport) string {
		return console.Count(g.RawActorHalves[0]) + ", " + console.Count(g.RawActorHalves[1])
	})
	row("ratio to bare Proto.Actor", func(g *GrainsReport) string { return fmt.Sprintf("%.2f", g.RatioToRawActor) })
	if r.Grains[0].CoreRatio > 0 {
		row("  per core time used", func(g *GrainsReport) string { return fmt.Sprintf("%.2f", g.CoreRatio) })
	}
	if r.Journal != nil {
		row("ratio to bare Pebble writes", func(g *GrainsReport) string {
			return fmt.Sprintf("%.2f", quotient(g.MessagesPerSecond, r.Journal.WritesPerSecond))
		})
	}
	row("chains in flight", (*GrainsReport).inFlight)
	row("allocations/message", func(g *GrainsReport) string { return fmt.Sprintf("%.1f", g.AllocsPerMessage) })
	row("log bytes/message", func(g *GrainsReport) string { return fmt.Sprintf("%.0f", g.LogBytesPerMessage) })
	row("written to disk/byte of message", func(g *GrainsReport) string { return fmt.Sprintf("%.2f bytes", g.DiskBytesPerByte) })
	row("resident/live grain", func(g *GrainsReport) string { return known(g.ResidentPerGrain, "%.0f bytes") })
	row("time in garbage collector", func(g *GrainsReport) string { return fmt.Sprintf("%.1f %%", 100*g.CollectorShare) })
	row("messages/batch", func(g *GrainsReport) string { return console.Count(g.MessagesPerBatch) })
	t.print()
}

// seconds shows how long something was measured.
func seconds(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%.1f s", v)
	}
	return fmt.Sprintf("%.0f s", v)
}

// known shows a figure, or a dash if it is not known.
func known(v float64, format string) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// inFlight shows both numbers if they differ.
func (g *GrainsReport) inFlight() string {
	if g.InFlight == g.BareInFlight {
		return console.Count(g.InFlight)
	}
	return console.Count(g.InFlight) + ", bare " + console.Count(g.BareInFlight)
}

func (r *LatencyReport) print(c *console.Console) {
	c.Printf("\nHTTP call to a grain and back, durable: %s of %s calls/s answered\n", console.Count(r.CallsPerSecond), console.Count(r.Rate))
	t := c.Table("p50", "p90", "p99", "p99.9", "max").Right(1, 2, 3, 4, 5)
	cells := make([]string, 0, 5)
	for _, v := range []float64{r.P50, r.P90, r.P99, r.P999, r.Max} {
		cells = append(cells, fmt.Sprintf("%.2f ms", v))
	}
	t.Row(cells...)
	t.Print()
}

func (r *Report) printRaw(c *console.Console) {
	c.Printf("\nRaw limits\n")
	t := c.Table().Right(2)
	for _, a := range r.Actors {
		t.Row(fmt.Sprintf("bare Proto.Actor, %s actors, messages/s", console.Count(a.Addresses)), console.Count(a.MessagesPerSecond))
	}
	if j := r.Journal; j != nil {
		t.Row(fmt.Sprintf("bare Pebble, %d writers, batches of %s, durable writes/s", j.Writers, console.Count(j.Batch)), console.Count(j.WritesPerSecond))
		t.Row("its commits", fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", j.CommitP50, j.CommitP99))
	}
	t.Row("fsyncs/s, one after the other", console.Count(r.Machine.FsyncsPerSecond))
	t.Print()
}
