package statefun

import (
	"context"
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// App is an application: functions, and what goes in and out. Set it up first,
// then run it once. Its methods are not safe for concurrent use until it runs.
type App struct {
	Config     Config
	functions  []*functions.Function
	egresses   map[functions.TypeName]func(Config) Sink
	ingresses  map[functions.TypeName]*Ingress
	modules    []*module.Module
	background []func(context.Context, *Node) error
	errs       []error
}

// New returns an application without functions.
func New(c Config) *App {
	return &App{Config: c, egresses: map[functions.TypeName]func(Config) Sink{}, ingresses: map[functions.TypeName]*Ingress{}}
}

// Register adds functions. What is wrong with them is told by Run.
func (a *App) Register(fs ...functions.Function) *App {
	for i := range fs {
		a.functions = append(a.functions, &fs[i])
	}
	return a
}

// Sink is where an egress's records go; see [actors.Sink].
type Sink = actors.Sink

// Record is what a function sent to an egress.
type Record = persistence.EgressRecord

// Egress binds an egress to a sink.
func (a *App) Egress(id functions.Egress, s Sink) *App {
	return a.EgressFrom(id, func(Config) Sink { return s })
}

// EgressFrom binds an egress to a sink that is made at the start, of the
// configuration that then holds: with the flags of the command line, and the
// defaults.
func (a *App) EgressFrom(id functions.Egress, sink func(Config) Sink) *App {
	name := functions.TypeName(id)
	if a.egresses[name] != nil {
		a.errs = append(a.errs, fmt.Errorf("statefun: egress %s is bound twice", id))
	}
	a.egresses[name] = sink
	return a
}

// sinks makes what the egresses are bound to.
func (a *App) sinks() map[functions.TypeName]actors.Sink {
	out := make(map[functions.TypeName]actors.Sink, len(a.egresses))
	for name, sink := range a.egresses {
		out[name] = sink(a.Config)
	}
	return out
}

// EgressFunc binds an egress to a Go function, which gets every record at least
// once, one at a time and in order. A record is done with when it returns nil;
// otherwise it comes again after a pause.
func (a *App) EgressFunc(id functions.Egress, f func(context.Context, Record) error) *App {
	return a.Egress(id, actors.HandlerSink(f))
}

// Run runs the application until ctx ends; then it drains and stops. Messages
// that are not done by then go on at the next start.
func (a *App) Run(ctx context.Context) error {
	n, err := a.Start(ctx)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-n.Failed():
		return errors.Join(err, n.Close())
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.config.DrainFor)
	defer cancel()
	return n.Stop(drain)
}
