package statefun

import (
	"context"
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/endpoint"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// caller is an endpoint of HTTP as the engine calls it.
type caller struct{ *endpoint.Endpoint }

// Call implements actors.Caller.
func (c caller) Call(ctx context.Context, function functions.TypeName, request []byte) ([]byte, error) {
	response, err := c.Attempt(ctx, endpoint.Request{Function: function, Body: request})
	f, ok := errors.AsType[*endpoint.Failure](err)
	if !ok {
		return response, err
	}
	return nil, &actors.CallError{
		Err: f, Unsent: f.Kind == endpoint.Connect, Down: isAway(f),
		TooLarge: f.Kind == endpoint.RequestTooLarge, RetryAfter: f.RetryAfter,
	}
}

// isAway reports whether the failure speaks of the server. The SDKs say 500 of an
// exception of a function: that speaks of a message.
func isAway(f *endpoint.Failure) bool {
	const exception = 500
	return f.MayBeDown() && f.Status != exception
}

// openEndpoint opens the transport of a module's endpoint.
func openEndpoint(m *module.Endpoint) (*endpoint.Endpoint, error) {
	e, err := endpoint.Open(m.Config())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Place, err)
	}
	return e, nil
}

// remoteOf is what the engine is to know of an endpoint.
func remoteOf(m *module.Endpoint, e *endpoint.Endpoint) actors.Remote {
	r := actors.Remote{
		Functions: string(m.Functions), Caller: caller{e}, MaxNumBatchRequests: m.MaxNumBatchRequests,
		MaxBatchBytes: m.MaxBatchBytes, MaxInFlight: m.MaxInFlight, MaxAttempts: m.MaxAttempts,
	}
	if m.RetryForever {
		r.MaxAttempts = -1
	}
	return r
}
