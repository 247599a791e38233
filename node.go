package statefun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/datadir"
)

// Node is an application that runs. Its methods are safe for concurrent use.
type Node struct {
	config Config
	dir    *datadir.Dir
	engine *actors.Engine
	door   *door
}

// Start starts the application and returns its node. ctx bounds the start, not
// the node's life: end that with Stop or Close.
func (a *App) Start(ctx context.Context) (*Node, error) {
	a.Config.setDefaults()
	if err := errors.Join(append(a.errs, a.Config.validate())...); err != nil {
		return nil, err
	}
	n := &Node{config: a.Config}
	if err := n.start(ctx, a); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	for _, in := range a.ingresses {
		in.node = n
	}
	return n, nil
}

func (n *Node) start(ctx context.Context, a *App) (err error) {
	c := &n.config
	want := datadir.Application{Name: c.Name, KeyGroups: c.KeyGroups}
	if n.dir, err = datadir.Open(c.Environment.FS, c.DataDir, want); err != nil {
		return err
	}
	// The port first: a port that is taken must not cost a recovery.
	if n.door, err = listen(ctx, c); err != nil {
		return err
	}
	o := c.engineOptions(n.dir.JournalPath(), n.dir.KeyGroups)
	o.Functions, o.Egresses = a.functions, a.egresses
	if n.engine, err = actors.Open(o); err != nil {
		return fmt.Errorf("data directory %s: %w", c.DataDir, err)
	}
	if err := n.engine.Start(); err != nil {
		return err
	}
	if n.door == nil {
		return nil
	}
	n.door.serve(n.engine)
	return n.dir.Announce(datadir.Node{PID: os.Getpid(), HTTP: n.door.url()})
}

// Name is the application's.
func (n *Node) Name() string { return n.dir.Name }

// Created reports whether the data directory was new.
func (n *Node) Created() bool { return n.dir.Created }

// URL is where the node listens, "" if it does not.
func (n *Node) URL() string {
	if n.door == nil {
		return ""
	}
	return n.door.url()
}

// Failed delivers the reason when the node cannot go on. Close it then.
func (n *Node) Failed() <-chan error { return n.engine.Failed() }

// Send accepts a message and returns once it is durable.
func (n *Node) Send(ctx context.Context, to functions.Address, m functions.Message) error {
	return n.engine.Send(ctx, to, m)
}

// Answer is what comes back from a call; see [actors.Answer].
type Answer = actors.Answer

// Call sends a message and waits for the first reply to it. When ctx ends first,
// the message stays accepted.
func (n *Node) Call(ctx context.Context, to functions.Address, m functions.Message) (Answer, error) {
	return n.engine.Call(ctx, to, m)
}

// Engine gives access to what is below: metrics, state, quarantine.
func (n *Node) Engine() *actors.Engine { return n.engine }

// Stop refuses what comes from outside, waits for work under way until ctx ends,
// and closes.
func (n *Node) Stop(ctx context.Context) error {
	if n.door != nil {
		n.door.drain(ctx)
	}
	err := n.engine.Drain(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		n.config.Logger.Info("work under way goes on at the next start")
		err = nil
	}
	return errors.Join(err, n.Close())
}

// Close stops at once. Nothing that was accepted is lost. It may be called twice.
func (n *Node) Close() error {
	var errs []error
	if n.door != nil {
		errs = append(errs, n.door.close())
	}
	if n.engine != nil {
		errs = append(errs, n.engine.Close())
	}
	if n.dir != nil {
		errs = append(errs, n.dir.Close())
	}
	return errors.Join(errs...)
}

// Idle waits until nothing is to be done but timers and back-offs.
func (n *Node) Idle(ctx context.Context) error { return n.engine.Idle(ctx) }

// Metrics are totals since the start, and present values.
func (n *Node) Metrics() actors.Metrics { return n.engine.Metrics() }

var _ = time.Second
var _ persistence.Sequence
