package statefun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
	"github.com/statefun-go/statefun/cmd/statefun/commands/bench"
	"github.com/statefun-go/statefun/cmd/statefun/commands/collector"
	"github.com/statefun-go/statefun/cmd/statefun/commands/processors"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// Main gives a program the whole command line for its application: run, state,
// send, quarantine, purge, status, bench and so on, and more commands if any are
// given. It does not return. What the application's Config says is the default of
// run's flags.
func Main(app *App, extra ...*cobra.Command) {
	os.Exit(int(commands.Main(app.program(), extra...)))
}

func (a *App) program() commands.Program {
	defaults := a.Config
	defaults.setDefaults()
	p := commands.Program{
		DataDir: defaults.DataDir, OwnLogger: a.Config.Logger != nil,
		Configure: func(run *cobra.Command) { a.Config.flags(run, defaults) },
		Check: func() error {
			c := a.Config
			c.setDefaults()
			return errors.Join(c.validate(), a.locateModules(module.Locations{}))
		},
		Start: a.startCommand, StartBench: startBench, Kinds: a.Config.Kinds, Connects: a.connects,
	}
	for _, f := range a.functions {
		p.Functions = append(p.Functions, string(f.Type))
	}
	return p
}

// locateModules finds the module files that neither flags nor the program have named.
// Those of StateFun's image are for a program that has nothing of its own.
func (a *App) locateModules(l module.Locations) (err error) {
	switch {
	case len(a.Config.Modules) > 0:
	case len(a.functions)+len(a.modules) > 0:
		a.Config.Modules = l.Named()
	default:
		if a.Config.Modules, err = l.Find(); err != nil {
			return fmt.Errorf("this program has no functions of its own, and there are %w", err)
		}
	}
	return nil
}

func (a *App) startCommand(ctx context.Context, logger *slog.Logger) (commands.Node, error) {
	if logger != nil {
		a.Config.Logger = logger
	}
	cores, _ := processors.Spare()
	a.Config.Workers = cmp.Or(a.Config.Workers, cores)
	n, err := a.Start(ctx)
	if err != nil {
		return nil, err
	}
	collector.Follow(n.engine)
	return commandNode{n}, nil
}

// commandNode is a node as the command line sees it.
type commandNode struct{ *Node }

func (n commandNode) DataDir() string { return n.config.DataDir }

func (n commandNode) Drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.config.DrainFor)
	defer cancel()
	return n.Stop(ctx)
}

// startBench starts a node as everybody's, in a directory that is not kept.
func startBench(ctx context.Context, c bench.NodeConfig, fs ...functions.Function) (bench.Node, error) {
	app := New(Config{
		Name: "bench", DataDir: c.DataDir, HTTP: c.HTTP, LiveGrains: c.LiveGrains, Workers: c.Workers,
		Environment: c.Environment(), Logger: slog.New(slog.DiscardHandler), Modules: c.Modules,
	})
	for id, sink := range c.Egresses {
		app.Egress(id, sink)
	}
	n, err := app.Register(fs...).Start(ctx)
	if err != nil {
		return nil, err
	}
	return n, nil
}
