package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/collector"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	door "github.com/statefun-go/statefun/connectors/http"
)

// runner is the command that runs a node.
type runner struct {
	console *console.Console
	program Program
	level   string
	format  string
}

func runCommand(c *console.Console, p Program) *cobra.Command {
	r := &runner{console: c, program: p}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a node in the foreground",
		Long: `Runs a node until Ctrl-C or SIGTERM; then it takes nothing more from outside, ends
what is under way, and stops. A second Ctrl-C stops at once. Nothing that was
accepted is lost either way, nor by kill -9: the next start goes on with it.

What module files (module.yaml) define is part of the application.
` + moduleHelp + `
(A program with functions of its own does not look there.)

It logs to standard error. Unless GOGC is set, it runs with GOGC=400, and less as
the heap nears 416 MiB.

` + exit.Help,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := r.logger(cmd)
			if err == nil {
				err = exit.With(exit.Usage, r.program.Check())
			}
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), logger)
		},
	}
	if p.Configure != nil {
		p.Configure(cmd)
	}
	f := cmd.Flags()
	f.StringVar(&r.level, "log-level", "info", "least `level` to log: debug, info, warn or error")
	f.StringVar(&r.format, "log-format", "text", "`format` of the log: text or json")
	f.SortFlags = false
	return cmd
}

// logger is what the flags ask for, nil if they do not and the application has
// one of its own.
func (r *runner) logger(cmd *cobra.Command) (*slog.Logger, error) {
	l, err := newLogger(r.console.Err, r.level, r.format)
	if f := cmd.Flags(); err == nil && r.program.OwnLogger && !f.Changed("log-level") && !f.Changed("log-format") {
		return nil, nil
	}
	return l, err
}

func newLogger(to io.Writer, level, format string) (*slog.Logger, error) {
	var o slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, exit.Usagef("--log-level: expected debug, info, warn or error, found %q", level)
	}
	o.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(to, &o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, &o)), nil
	}
	return nil, exit.Usagef("--log-format: expected text or json, found %q", format)
}

func (r *runner) run(ctx context.Context, logger *slog.Logger) error {
	collector.Tune()
	r.console.Printf("starting\n") // recovery may take a moment
	started := collector.Starting()
	node, err := r.program.Start(ctx, logger)
	started()
	if err != nil {
		return err
	}
	r.greet(node)
	select {
	case <-ctx.Done():
	case err := <-node.Failed():
		return errors.Join(err, node.Close())
	}
	r.console.Printf("draining: nothing more comes in, what is under way ends (Ctrl-C again stops at once)\n")
	if err := node.Drain(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	r.console.Printf("stopped\n")
	return nil
}

// greet says what runs where.
func (r *runner) greet(n Node) {
	c := r.console
	before := "with what was there before"
	if n.Created() {
		before = "new"
	}
	c.Printf("application  %s\n", console.Clean(n.Name()))
	c.Printf("data         %s (%s)\n", n.DataDir(), before)
	if url := n.URL(); url != "" {
		c.Printf("listening    %s\n", url)
	} else {
		c.Printf("listening    nowhere\n")
	}
	for _, line := range boundLines(n.Bound()) {
		c.Printf("%s\n", console.Clean(line))
	}
	c.Printf("running, Ctrl-C drains and stops\n")
}

// maxBoundLines are shown of each role.
const maxBoundLines = 20

// boundLines has a line for each thing that is bound, and one for all functions of a
// program.
func boundLines(all []door.Bound) []string {
	var lines, own []string
	count := map[string]int{}
	for _, b := range all {
		if b.Role == door.RoleFunctions && b.At == door.InProgram {
			own = append(own, b.Name)
			continue
		}
		if count[b.Role]++; count[b.Role] <= maxBoundLines {
			lines = append(lines, boundLine(b.Role, b.Name+" at "+b.At))
		}
	}
	if len(own) > 0 {
		lines = slices.Insert(lines, 0, boundLine(door.RoleFunctions, strings.Join(own, ", ")))
	}
	for _, role := range slices.Sorted(maps.Keys(count)) {
		if more := count[role] - maxBoundLines; more > 0 {
			lines = append(lines, boundLine(role, fmt.Sprintf("and %d more", more)))
		}
	}
	return lines
}

func boundLine(role, text string) string { return fmt.Sprintf("%-12s %s", role, text) }

// advised is an error with advice.
type advised struct {
	error
	advice string
}

func (a *advised) Unwrap() error { return a.error }

func (a *advised) Error() string { return a.error.Error() + " (" + a.advice + ")" }
