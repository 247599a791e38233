package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/collector"
	"github.com/statefun-go/statefun/cmd/statefun/commands/processors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Node is a node that runs.
type Node interface {
	Engine() *actors.Engine
	// URL is where it listens, without a slash at the end.
	URL() string
	Close() error
}

// NodeConfig is what a node to be measured has that is not the default.
type NodeConfig struct {
	// DataDir keeps everything.
	DataDir string
	// HTTP is where the node listens, or "off".
	HTTP string
	// LiveGrains is about how many grains stay in memory, 0 for the default.
	LiveGrains int
	// Workers run grains.
	Workers int
	// Confined nodes have no more processors (GOMAXPROCS) than cores.
	Confined bool
	// Clock is the node's, nil for the real one.
	Clock environment.Clock
	// Modules are module files: where functions are that do not run in the node.
	Modules []string
	// Egresses are where functions may send to.
	Egresses map[functions.Egress]actors.Sink
}

// Environment is that of production, with the node's clock.
func (c *NodeConfig) Environment() *environment.Environment {
	env := environment.Real()
	if c.Clock != nil {
		env.Clock = c.Clock
	}
	return env
}

// StartNode starts a node.
type StartNode func(ctx context.Context, c NodeConfig, fs ...functions.Function) (Node, error)

// withNode runs f on a node whose data directory is in dir while it runs.
func withNode(ctx context.Context, start StartNode, dir string, c NodeConfig, f func(Node) error, fs ...functions.Function) error {
	return withDirectory(dir, func(data string) error {
		c.DataDir = data
		return runNode(ctx, start, c, f, fs...)
	})
}

// withDirectory runs f with a new directory in dir, which is removed afterwards.
func withDirectory(dir string, f func(data string) error) (err error) {
	data, err := os.MkdirTemp(dir, "statefun-bench-*")
	if err != nil {
		return fmt.Errorf("no directory to measure in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	return f(data)
}

// runNode runs f on a node, which stops cleanly afterwards.
func runNode(ctx context.Context, start StartNode, c NodeConfig, f func(Node) error, fs ...functions.Function) (err error) {
	c.Workers = runtime.GOMAXPROCS(0)
	if !c.Confined {
		_, undo := processors.Spare()
		defer undo()
	}
	node, err := start(ctx, c, fs...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	unfollow := collector.Follow(node.Engine())
	defer unfollow()
	return f(node)
}
