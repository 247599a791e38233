package commands

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench"
	"github.com/statefun-go/statefun/cmd/statefun/commands/collector"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// errInterrupted is why the context of a command ends at the first Ctrl-C.
var errInterrupted = exit.With(exit.Interrupted, errors.New("interrupted"))

// Main runs the command line of the process, with more commands if any are given,
// and returns what the process should exit with.
func Main(p Program, extra ...*cobra.Command) exit.Code {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	c := console.Standard()
	go func() {
		<-signals
		cancel(errInterrupted)
		<-signals
		c.Notef("stopped at once")
		os.Exit(int(exit.Interrupted))
	}()
	return Execute(ctx, c, p, os.Args[1:], extra...)
}

// Execute runs one command line. The cause of ctx says why it ends before the
// command does.
func Execute(ctx context.Context, c *console.Console, p Program, args []string, extra ...*cobra.Command) exit.Code {
	root := newRoot(c, p)
	root.AddCommand(extra...)
	root.SetArgs(args)
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	began := false
	observe(root, &began)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exit.OK
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = context.Cause(ctx)
	case !began:
		err = exit.With(exit.Usage, err)
	}
	code := exit.CodeOf(err)
	c.Notef("%s: %s", root.Name(), console.CleanLines(err.Error()))
	if code == exit.Usage {
		c.Notef("see %s --help", cmd.CommandPath())
	}
	return code
}

// observe makes all commands note that they began: what fails before that is a
// wrong command line.
func observe(cmd *cobra.Command, began *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		observe(sub, began)
	}
}

func newRoot(c *console.Console, p Program) *cobra.Command {
	name := cmp.Or(p.Name, strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"))
	root := &cobra.Command{
		Use:   name,
		Short: "Durable stateful functions",
		Long: `Runs stateful functions: one instance per address, each with durable state, all
messaging each other exactly once.

` + exit.Help,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          needsSubcommand,
	}
	measure := bench.Command(c, p.StartBench)
	measure.PersistentPreRun = func(*cobra.Command, []string) { collector.Tune() }
	root.AddCommand(runCommand(c, p), validateCommand(c, p), checkCommand(c, p), doctorCommand(c, p), measure, versionCommand(c))
	root.AddCommand(clientCommands(c, p)...)
	return root
}

// needsSubcommand is what a command does that only has others below it.
func needsSubcommand(cmd *cobra.Command, _ []string) error {
	_ = cmd.Help() // a terminal that is gone
	return exit.Usagef("%s: which command?", cmd.CommandPath())
}
