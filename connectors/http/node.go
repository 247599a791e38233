package http

import (
	"context"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
)

// Node is what stands behind the door. *actors.Engine is one. It is safe for
// concurrent use.
type Node interface {
	Ingress
	States
	Quarantine
	Purger
	Meter
}

// Ingress takes messages. Its methods return once the message is durable, or
// answered.
type Ingress interface {
	Send(ctx context.Context, to functions.Address, m functions.Message) error
	Call(ctx context.Context, to functions.Address, m functions.Message) (actors.Answer, error)
	SendOnce(ctx context.Context, key string, to functions.Address, m functions.Message) (actors.Answer, error)
	CallOnce(ctx context.Context, key string, to functions.Address, m functions.Message) (actors.Answer, error)
	Registry
}

// Registry knows the functions by name.
type Registry interface {
	Function(t functions.TypeName) (*functions.Function, bool)
}

// States shows durable state.
type States interface {
	State(a functions.Address) ([]actors.StateValue, error)
	StateEntries(a functions.Address, name string, visit func(actors.StateEntry) bool) (actors.StateValue, error)
	Registry
}

// Quarantine has the messages that were set aside.
type Quarantine interface {
	Quarantine(visit func(actors.Quarantined) bool) error
	QuarantinedMessage(a functions.Address, sequence uint64) (actors.Quarantined, error)
	Retry(ctx context.Context, a functions.Address, sequence uint64) error
	Drop(ctx context.Context, a functions.Address, sequence uint64) error
}

// Purger removes state, timers and waiting messages.
type Purger interface {
	Purge(ctx context.Context, a functions.Address, dry bool) (actors.Purged, error)
	PurgeType(ctx context.Context, t functions.TypeName, dry bool) (actors.Purged, error)
}

// Meter counts, and says what waits.
type Meter interface {
	Metrics() actors.Metrics
	Backlog(ctx context.Context) actors.Backlog
}
