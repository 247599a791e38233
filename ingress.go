package statefun

import (
	"context"
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// Router decides where a message that came in through an ingress goes: it calls
// send any number of times. It must be quick and keep nothing.
type Router func(m functions.Message, send func(to functions.Address, m functions.Message)) error

// Ingress is an input of the application for Go code. All that its routers make
// of a message is accepted as one.
type Ingress struct {
	id      functions.TypeName
	routers []Router
	node    *Node
}

// Ingress adds an input with one or more routers.
func (a *App) Ingress(id functions.TypeName, routers ...Router) *Ingress {
	in := &Ingress{id: id, routers: routers}
	if _, err := functions.ParseTypeName(string(id)); err != nil {
		a.errs = append(a.errs, fmt.Errorf("statefun: ingress: %w", err))
	}
	if a.ingresses[id] != nil {
		a.errs = append(a.errs, fmt.Errorf("statefun: ingress %s is added twice", id))
	}
	if len(routers) == 0 {
		a.errs = append(a.errs, fmt.Errorf("statefun: ingress %s has no router", id))
	}
	a.ingresses[id] = in
	return in
}

var errNotRunning = errors.New("statefun: the application does not run")

// Send routes a message and returns once all that came of it is durable. It is
// safe for concurrent use while the application runs.
func (in *Ingress) Send(ctx context.Context, m functions.Message) error {
	if in.node == nil {
		return errNotRunning
	}
	if err := m.Err(); err != nil {
		return err
	}
	var out []actors.Outgoing
	for _, route := range in.routers {
		err := route(m, func(to functions.Address, m functions.Message) {
			out = append(out, actors.Outgoing{To: to, Message: m})
		})
		if err != nil {
			return fmt.Errorf("statefun: ingress %s: %w", in.id, err)
		}
	}
	return in.node.engine.SendAll(ctx, out)
}
