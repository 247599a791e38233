package module

import (
	"cmp"

	"github.com/statefun-go/statefun/connectors/endpoint"
)

// Config is how the endpoint's functions are called: what [endpoint.Open] takes. It
// holds the endpoint's secrets.
func (e *Endpoint) Config() endpoint.Config {
	t := &e.Transport
	c := endpoint.Config{
		URL: e.URLPathTemplate, Call: t.Call, Connect: cmp.Or(t.Connect, t.Call),
		PoolTTL: cmp.Or(t.PoolTTL, -1), PoolSize: t.PoolSize, MaxPayloadBytes: int(t.PayloadMaxBytes),
		Headers: make(map[string]endpoint.Secret, len(e.Headers)),
		TLS: endpoint.TLS{
			TrustCACerts: t.TrustCACerts, ClientCert: t.ClientCert, ClientKey: t.ClientKey,
			ClientKeyPassword: t.ClientKeyPassword, VerifyHostname: endpoint.HostnameUnverified,
		},
	}
	if t.Type == TransportOkHTTP {
		c.Profile, c.Read, c.Write = endpoint.OkHTTP, t.Read, t.Write
	}
	if e.VerifyHostname {
		c.TLS.VerifyHostname = endpoint.HostnameVerified
	}
	for _, h := range e.Headers {
		c.Headers[h.Name] = endpoint.Secret(h.Value)
	}
	return c
}
