package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/actors/inspection"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/persistence/datadir"
	"github.com/statefun-go/statefun/persistence/environment"
)

// doctor is the command that checks a data directory.
type doctor struct {
	console *console.Console
	data    string
	json    bool
}

func doctorCommand(c *console.Console, p Program) *cobra.Command {
	d := &doctor{console: c}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the data directory of a stopped node",
		Long: `Reads all of a data directory and says what is not as it should be: files that are
damaged or missing, and what the journal's rows say of each other. It changes
nothing. The node must not run.

Exit codes: 0 all is well, 1 something is not, 2 nothing was checked (the node
runs, or there is no data directory), 130 interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&d.data, "data", cmp.Or(p.DataDir, "statefun-data"), "the data `directory`")
	jsonFlag(cmd, &d.json)
	return cmd
}

func (d *doctor) run(ctx context.Context) error {
	show, erase := d.console.Progress().Part()
	r, err := inspection.Run(ctx, inspection.Options{Environment: environment.Real(), Data: d.data, Progress: show})
	erase()
	switch {
	case errors.Is(err, datadir.ErrInUse):
		return exit.With(exit.Usage, &advised{err, "stop the node first"})
	case errors.Is(err, fs.ErrNotExist):
		return exit.With(exit.Usage, err)
	case err != nil:
		return err
	}
	if d.json {
		err = d.console.JSON(r)
	} else {
		d.print(r)
	}
	if err == nil && !r.Healthy() {
		err = fmt.Errorf("%s is not as it should be", d.data)
	}
	return err
}

func (d *doctor) print(r *inspection.Report) {
	c := d.console
	t := c.Table()
	t.Row("data", r.Data)
	if a := r.Application; a.Name != "" {
		t.Row("application", fmt.Sprintf("%s, format %d, %d key groups", a.Name, a.Format, a.KeyGroups))
		t.Row("tables", fmt.Sprintf("%s in %d files", console.Bytes(r.TableBytes), r.Tables))
	}
	if r.Complete {
		d.rows(t, r)
	}
	t.Print()
	if r.Healthy() {
		c.Printf("\nall is well\n")
		return
	}
	d.problems(r)
}

func (*doctor) rows(t *console.Table, r *inspection.Report) {
	n := &r.Counts
	t.Row("log", fmt.Sprintf("batches %d to %d, %s in %d segments; the tables have those up to %d",
		r.Log.First, r.Log.Last, console.Bytes(r.Log.Bytes), r.Log.Segments, r.Marker))
	for _, row := range []struct {
		name  string
		count int64
	}{
		{"addresses", n.Addresses}, {"states", n.States}, {"entries of lists and maps", n.Entries},
		{"large values", n.LargeValues}, {"waiting messages", n.Waiting}, {"timers", n.Timers}, {"cancellation tokens", n.Tokens},
		{"asynchronous work", n.Async}, {"quarantined messages", n.Quarantined}, {"egress records", n.Egress},
	} {
		t.Row(row.name, console.Count(row.count))
	}
}

// problems shows them with what to do, once for each kind.
func (d *doctor) problems(r *inspection.Report) {
	var advice []string
	d.console.Printf("\n")
	t := d.console.Table("CHECK", "WHERE", "PROBLEM")
	for _, p := range r.Problems {
		t.Row(string(p.Check), p.Where, p.What)
		if a := p.Check.Advice(); len(advice) == 0 || advice[len(advice)-1] != a {
			advice = append(advice, a)
		}
	}
	t.Print()
	if r.More > 0 {
		d.console.Printf("and %s more\n", console.Count(r.More))
	}
	if !r.Complete {
		d.console.Printf("\nWhat comes after this could not be checked.\n")
	}
	d.console.Printf("\n%s\n", strings.Join(advice, "\n"))
}
