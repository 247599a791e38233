package statefun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/http"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/datadir"
)

// Node is an application that runs. Its methods are safe for concurrent use.
type Node struct {
	config Config
	dir    *datadir.Dir
	engine *actors.Engine
	door   *http.Server // nil: the node does not listen
	bound  bound
	shown  []Bound
	beside background

	failed   chan error // room for all that may fail
	watchers sync.WaitGroup
	closed   chan struct{}
	closing  sync.Once
	stopping sync.Mutex // held by Close
}

// Start starts the application and returns its node. ctx bounds the start, not
// the node's life: end that with Stop or Close.
func (a *App) Start(ctx context.Context) (*Node, error) {
	a.Config.setDefaults()
	if err := errors.Join(append(a.errs, a.Config.validate())...); err != nil {
		return nil, err
	}
	n := &Node{config: a.Config, closed: make(chan struct{})}
	if err := n.start(ctx, a); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	for _, in := range a.ingresses {
		in.node = n
	}
	n.beside.start(n, a.background)
	n.watch()
	return n, nil
}

// watch collects why any part of the node cannot go on.
func (n *Node) watch() {
	parts := append(n.bound.playgrounds.failures(), n.engine.Failed(), n.beside.failed)
	if n.door != nil {
		parts = append(parts, n.door.Failed())
	}
	n.failed = make(chan error, len(parts))
	for _, part := range parts {
		n.watchers.Go(func() {
			select {
			case err := <-part:
				n.failed <- err
			case <-n.closed:
				select {
				case err := <-part:
					n.failed <- err
				default:
				}
			}
		})
	}
}

func (n *Node) start(ctx context.Context, a *App) (err error) {
	c := &n.config
	if err := n.bound.bind(a); err != nil {
		return err
	}
	if err := errors.Join(a.errs...); err != nil { // of what was bound
		return err
	}
	want := datadir.Application{Name: c.Name, KeyGroups: c.KeyGroups}
	if n.dir, err = datadir.Open(c.Environment.FS, c.DataDir, want, n.migrating); err != nil {
		return err
	}
	o := c.engineOptions(n.dir.JournalPath(), n.dir.KeyGroups)
	o.Functions, o.Egresses, o.Remotes, o.Pulled = a.functions, a.sinks(), n.bound.remotes(), n.bound.playgrounds.pulled()
	if n.engine, err = actors.Open(o); err != nil {
		return fmt.Errorf("data directory %s: %w", c.DataDir, err)
	}
	if err := n.engine.Start(); err != nil {
		return err
	}
	if err := n.bound.playgrounds.start(ctx, n.engine); err != nil {
		return err
	}
	n.show(a)
	if c.HTTP == "off" {
		return nil
	}
	ho := c.httpOptions(n.engine)
	ho.Name, ho.Bound, ho.About = n.dir.Name, n.shown, n.about()
	n.door = http.New(ho)
	if err := n.door.Start(ctx); err != nil {
		return err
	}
	return n.dir.Announce(datadir.Node{PID: os.Getpid(), HTTP: n.door.URL()})
}

// migrating says how far the migration of an older data directory is.
func (n *Node) migrating(m datadir.Migration) {
	n.config.Logger.Info("the data directory is of an older format and is migrated",
		"from", m.From, "to", m.To, "what", m.What, "done", m.Done, "total", m.Total)
}

// about is what the node says of itself to those who ask for its status.
func (n *Node) about() any {
	return struct {
		Name      string `json:"name"`
		DataDir   string `json:"data_dir"`
		KeyGroups int    `json:"key_groups"`
		PID       int    `json:"pid"`
	}{n.dir.Name, n.dir.Path(), n.dir.KeyGroups, os.Getpid()}
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
	return n.door.URL()
}

// Failed delivers the reason when the node cannot go on. Close it then.
func (n *Node) Failed() <-chan error { return n.failed }

// Send accepts a message and returns once it is durable.
func (n *Node) Send(ctx context.Context, to functions.Address, m functions.Message) error {
	return n.engine.Send(ctx, to, m)
}

// Answer is what comes back from a call; see [actors.Answer].
type Answer = actors.Answer

// Call sends a message and waits for the first reply to it. When ctx ends first,
// the error is [actors.ErrNoReply] if the message was accepted.
func (n *Node) Call(ctx context.Context, to functions.Address, m functions.Message) (Answer, error) {
	return n.engine.Call(ctx, to, m)
}

// Engine gives access to what is below: metrics, state, quarantine.
func (n *Node) Engine() *actors.Engine { return n.engine }

// Stop refuses what comes from outside, waits for work under way until ctx ends,
// and closes.
func (n *Node) Stop(ctx context.Context) error {
	var err error
	if n.door != nil {
		err = n.door.Close(ctx)
	}
	n.beside.stop()
	err = errors.Join(err, n.bound.playgrounds.close(ctx), n.engine.Drain(ctx))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		n.config.Logger.Info("work under way goes on at the next start")
		err = nil
	}
	return errors.Join(err, n.Close())
}

// Close stops at once. Nothing that was accepted is lost. It may be called twice.
func (n *Node) Close() error {
	var errs []error
	n.beside.stop()
	n.stopping.Lock()
	defer n.stopping.Unlock()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if n.door != nil {
		errs = append(errs, n.door.Close(now))
	}
	errs = append(errs, n.bound.playgrounds.close(now))
	if n.engine != nil {
		errs = append(errs, n.engine.Close())
	}
	n.bound.close()
	if n.dir != nil {
		errs = append(errs, n.dir.Close())
	}
	n.closing.Do(func() { close(n.closed) })
	n.watchers.Wait()
	return errors.Join(errs...)
}

// Idle waits until nothing is to be done but timers and back-offs.
func (n *Node) Idle(ctx context.Context) error { return n.engine.Idle(ctx) }

// Metrics are totals since the start, and present values.
func (n *Node) Metrics() actors.Metrics { return n.engine.Metrics() }
