package statefun

import (
	"errors"
	"fmt"
	"slices"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/module"
)

// Bind adds what a module defines to the application: the functions of its endpoints
// are called over HTTP, the playground's ingress and egress listen. The start fails
// if there is a component in it for which there is no connector.
func (a *App) Bind(m *module.Module) *App {
	a.modules = append(a.modules, m)
	return a
}

// Component is a component of a module, of a kind of the program's own (see
// Config.Kinds).
type Component interface {
	module.Component
	// Bind adds what the component stands for to the application, which is about to
	// start: functions, ingresses, egresses, work in the background.
	Bind(*App) error
}

// bound are the modules of a node, and what runs for them.
type bound struct {
	config      *Config
	endpoints   []boundEndpoint
	playgrounds playgrounds
	ids         map[string]module.Place // of ingresses and egresses
}

type boundEndpoint struct {
	spec      *module.Endpoint
	transport *endpoint.Endpoint
}

// bind reads the module files of the configuration, and opens what they and the
// modules of the application define. close must be called in the end, also after an
// error.
func (b *bound) bind(a *App) error {
	b.config, b.ids = &a.Config, map[string]module.Place{}
	modules := slices.Clone(a.modules)
	if files := a.Config.Modules; len(files) > 0 {
		m, err := a.loadModule(files)
		if err != nil {
			return err
		}
		modules = append(modules, m)
	}
	var errs []error
	for _, m := range modules {
		for _, c := range m.Components {
			errs = append(errs, b.add(a, c))
		}
	}
	return errors.Join(errs...)
}

func (a *App) loadModule(files []string) (*module.Module, error) {
	o := module.Options{Registry: a.Config.Kinds}
	for _, f := range a.functions {
		o.Functions = append(o.Functions, f.Type)
	}
	m, warnings, err := module.Load(files, o)
	for _, w := range warnings {
		a.Config.Logger.Warn("a module file has something to look at", "what", w.String())
	}
	return m, err
}

// add is where the kinds of components meet their connectors.
func (b *bound) add(a *App, c module.Component) error {
	if err := b.claim(c); err != nil {
		return err
	}
	connect := b.connector(a, c)
	if connect == nil {
		return noConnector(c.Defined())
	}
	return connect()
}

// connector returns what adds the component, nil if there is none for its kind.
func (b *bound) connector(a *App, c module.Component) func() error {
	switch c := c.(type) {
	case *module.Endpoint:
		return func() error { return b.addEndpoint(c) }
	case *module.PlaygroundIngress:
		return func() error { b.playgrounds.addIngress(c, b.config); return nil }
	case *module.PlaygroundEgress:
		return func() error { return b.playgrounds.addEgress(c, b.config) }
	case Component:
		return func() error {
			if err := c.Bind(a); err != nil {
				return fmt.Errorf("%s: %w", c.Defined().Place, err)
			}
			return nil
		}
	default:
		return nil
	}
}

// connects tells whether there is a connector for the component's kind.
func (a *App) connects(c module.Component) bool { return new(bound).connector(a, c) != nil }

// claim refuses an ingress or egress that another module has. Loading sees to it
// within one.
func (b *bound) claim(c module.Component) error {
	var key string
	switch c := c.(type) {
	case module.Ingress:
		key = RoleIngress + " " + string(c.IngressID())
	case module.Egress:
		key = RoleEgress + " " + string(c.EgressID())
	default:
		return nil
	}
	place := c.Defined().Place
	if first, ok := b.ids[key]; ok {
		return fmt.Errorf("%s: expected one %s in all modules of the application, found another; first at %s", place, key, first)
	}
	b.ids[key] = place
	return nil
}

// connected are the kinds that there are connectors for.
const connected = string(module.KindEndpointV1 + ", " + module.KindEndpointV2 + ", " +
	module.KindPlaygroundIngress + " or " + module.KindPlaygroundEgress)

func noConnector(d module.Definition) error {
	return fmt.Errorf("%s: expected a component of kind %s, found %s, for which this version has no connector",
		d.Place, connected, d.Kind)
}

func (b *bound) addEndpoint(m *module.Endpoint) error {
	e, err := openEndpoint(m)
	if err != nil {
		return err
	}
	b.endpoints = append(b.endpoints, boundEndpoint{m, e})
	return nil
}

// remotes are what the engine is to know of the endpoints.
func (b *bound) remotes() []actors.Remote {
	all := make([]actors.Remote, 0, len(b.endpoints))
	for _, e := range b.endpoints {
		all = append(all, remoteOf(e.spec, e.transport))
	}
	return all
}

// close ends requests that are under way. The engine that makes them is closed.
func (b *bound) close() {
	for _, e := range b.endpoints {
		e.transport.Close()
	}
}
