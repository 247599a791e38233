package endpoint

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Door is where the requests of one function go, for who makes requests of its own
// there: a program that looks at the answers of a server, say.
type Door struct {
	// URL is http or https; of a Unix socket with the host "localhost".
	URL *url.URL
	// Shown is the URL for people: without user information, query and fragment.
	Shown string
	// Network and Address are what to connect to: tcp and HOST:PORT, or unix and a
	// file. Host is HOST.
	Network, Address, Host string
	// TLS is how, nil for a plain connection.
	TLS *tls.Config
	// Header is what an attempt would send, Host included. It may hold secrets.
	Header http.Header
	// Profile, Call, Connect and MaxPayloadBytes are those of the Config, with
	// defaults.
	Profile         Profile
	Call, Connect   time.Duration
	MaxPayloadBytes int
	// Redact takes values of configured headers out of what a server says.
	Redact func(string) string
}

// Door returns where requests of a function would go. It reads the files that the
// configuration names, and does not connect. Errors are *ConfigError.
func (c Config) Door(function functions.TypeName) (*Door, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if err := checkTemplate(c.URL); err != nil {
		return nil, wrong("URL", "%w", err)
	}
	t, err := parseTarget(c.URL, function)
	if err != nil {
		return nil, wrong("URL", "%w", err)
	}
	h := newHeaders(c.Headers)
	d := &Door{
		URL: t.url, Shown: t.show, Network: t.network, Address: t.address, Host: t.host, Header: http.Header{},
		Profile: c.Profile, Call: c.Call, Connect: c.Connect, MaxPayloadBytes: c.MaxPayloadBytes, Redact: h.redact,
	}
	if t.tls {
		if d.TLS, err = c.TLS.config(c.Profile); err != nil {
			return nil, err
		}
		d.TLS.ServerName = t.host
	}
	for name, value := range map[string]string{
		"Host": t.hostHeader(), "Content-Type": octetStream, "Accept": octetStream,
		"Accept-Encoding": acceptEncoding, "User-Agent": userAgent, "Authorization": t.basicAuth(),
	} {
		if value != "" {
			d.Header.Set(name, value)
		}
	}
	for _, x := range h.list {
		d.Header.Set(x.name, x.value)
	}
	return d, nil
}
