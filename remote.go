package statefun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

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
	return nil, callError(f)
}

// callError is what a failure means to the engine.
func callError(f *endpoint.Failure) *actors.CallError {
	e := &actors.CallError{
		Err: f, Unsent: f.Kind == endpoint.Connect || isPutOff(f), Down: isAway(f), TooLarge: f.Kind == endpoint.RequestTooLarge,
		Invocation: f.Invocation, MaxAttempts: f.MaxAttempts, RetryAfter: f.RetryAfter,
	}
	if f.Permanent {
		e.Err = functions.Permanent(f)
	}
	return e
}

// isAway reports whether the failure speaks of the server. The SDKs say 500 of an
// exception of a function: that speaks of a message.
func isAway(f *endpoint.Failure) bool {
	return f.MayBeDown() && f.Status != http.StatusInternalServerError
}

// isPutOff reports whether the server wants to be asked later, for whatever message.
func isPutOff(f *endpoint.Failure) bool {
	return f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable && f.RetryAfter > 0
}

// openEndpoint opens the transport of a module's endpoint.
func openEndpoint(m *module.Endpoint) (*endpoint.Endpoint, error) {
	t := &m.Transport
	c := endpoint.Config{
		URL: m.URLPathTemplate, Call: t.Call, Connect: cmp.Or(t.Connect, t.Call),
		PoolTTL: cmp.Or(t.PoolTTL, -1), PoolSize: t.PoolSize, MaxPayloadBytes: int(t.PayloadMaxBytes),
		Headers: make(map[string]endpoint.Secret, len(m.Headers)),
		TLS: endpoint.TLS{
			TrustCACerts: t.TrustCACerts, ClientCert: t.ClientCert, ClientKey: t.ClientKey,
			ClientKeyPassword: t.ClientKeyPassword, VerifyHostname: endpoint.HostnameUnverified,
		},
	}
	if t.Type == module.TransportOkHTTP {
		c.Profile, c.Read, c.Write = endpoint.OkHTTP, t.Read, t.Write
	}
	if m.VerifyHostname {
		c.TLS.VerifyHostname = endpoint.HostnameVerified
	}
	for _, h := range m.Headers {
		c.Headers[h.Name] = endpoint.Secret(h.Value)
	}
	e, err := endpoint.Open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Place, err)
	}
	return e, nil
}

// remoteOf is what the engine is to know of an endpoint.
func remoteOf(m *module.Endpoint, e *endpoint.Endpoint) actors.Remote {
	r := actors.Remote{
		Functions: string(m.Functions), Caller: caller{e}, MaxNumBatchRequests: m.MaxNumBatchRequests,
		MaxBatchBytes: m.MaxBatchBytes, MaxInFlight: m.MaxInFlight, MaxAttempts: m.MaxAttempts, Host: e.Host,
	}
	if m.RetryForever {
		r.MaxAttempts = -1
	}
	return r
}
