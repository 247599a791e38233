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
// are called over HTTP. The start fails if there is a component in it for which there
// is no connector.
func (a *App) Bind(m *module.Module) *App {
	a.modules = append(a.modules, m)
	return a
}

// bound are the modules of a node, and what runs for them.
type bound struct {
	endpoints []*endpoint.Endpoint
	remotes   []actors.Remote
}

// bind reads the module files of the configuration, and opens what they and the
// modules of the application define. close must be called in the end, also after an
// error.
func (b *bound) bind(a *App) error {
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
			errs = append(errs, b.add(c))
		}
	}
	return errors.Join(errs...)
}

func (a *App) loadModule(files []string) (*module.Module, error) {
	var o module.Options
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
func (b *bound) add(c module.Component) error {
	switch c := c.(type) {
	case *module.Endpoint:
		return b.addEndpoint(c)
	default:
		return noConnector(c.Defined())
	}
}

func noConnector(d module.Definition) error {
	return fmt.Errorf("%s: expected a component of kind %s or %s, found %s, for which this version has no connector",
		d.Place, module.KindEndpointV1, module.KindEndpointV2, d.Kind)
}

func (b *bound) addEndpoint(m *module.Endpoint) error {
	e, err := openEndpoint(m)
	if err != nil {
		return err
	}
	b.endpoints = append(b.endpoints, e)
	b.remotes = append(b.remotes, remoteOf(m, e))
	return nil
}

// close ends requests that are under way. The engine that makes them is closed.
func (b *bound) close() {
	for _, e := range b.endpoints {
		e.Close()
	}
}
