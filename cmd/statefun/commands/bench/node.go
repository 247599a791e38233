package bench

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// Node is a node that runs.
type Node interface {
	Engine() *actors.Engine
	// URL is where it listens, without a slash at the end.
	URL() string
	Close() error
}

// StartNode starts a node with its default configuration on a new data
// directory. http is where it listens, or "off".
type StartNode func(ctx context.Context, dataDir, http string, fs ...functions.Function) (Node, error)

// withNode runs f on a node whose data directory is in dir while it runs.
func withNode(ctx context.Context, start StartNode, dir, http string, f func(Node) error, fs ...functions.Function) (err error) {
	data, err := os.MkdirTemp(dir, "statefun-bench-*")
	if err != nil {
		return fmt.Errorf("no directory to measure in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	node, err := start(ctx, data, http, fs...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	return f(node)
}
