package commands

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands/bench"
	door "github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/connectors/module"
)

// Program is the application that a command line is for.
type Program struct {
	// Name is what the program is called in help texts. Defaults to the name of
	// its file.
	Name string
	// DataDir is where `run` keeps its data, and where other commands look for the
	// node, unless they are told otherwise.
	DataDir string
	// Functions are the names of the functions that the application has.
	Functions []string
	// Kinds are what module files may define. Defaults to StateFun's.
	Kinds *module.Registry
	// Connects tells whether a component of a module file can run: Start refuses the
	// others. nil: all can.
	Connects func(module.Component) bool

	// Configure adds the flags that say how the node runs.
	Configure func(run *cobra.Command)
	// Check says what is wrong with what these flags have set, before Start.
	Check func() error
	// Start starts the node. It logs to logger; if that is nil, to what the
	// application has chosen.
	Start func(ctx context.Context, logger *slog.Logger) (Node, error)
	// OwnLogger says that the application has chosen where it logs.
	OwnLogger bool

	// StartBench starts a node to measure.
	StartBench bench.StartNode
}

// Node is an application that runs.
type Node interface {
	// Name is the application's.
	Name() string
	// DataDir keeps everything, and Created tells whether it was new.
	DataDir() string
	Created() bool
	// URL is where the node listens, "" if it does not.
	URL() string
	// Bound is what the application is bound to.
	Bound() []door.Bound
	// Failed delivers the reason when the node cannot go on.
	Failed() <-chan error
	// Drain refuses what comes from outside, waits a while for work under way,
	// and stops.
	Drain(ctx context.Context) error
	Close() error
}
