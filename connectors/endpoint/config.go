package endpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/statefun-go/statefun/connectors/internal/openfiles"
)

// Config is what an endpoint is made of.
type Config struct {
	// URL is the template of what requests are sent to: http, https, http+unix or
	// https+unix, with {function.name} where the name of the function goes, without its
	// namespace. In a URL of a Unix socket the path's first element that ends in .sock ends
	// the file. Required.
	URL string
	// Profile defaults to Async.
	Profile Profile

	// Call is the time-out of a call. In the Async profile the attempts of a call
	// share it, with their waits (see Request.Spent); in OkHTTP each attempt has
	// it to itself. Defaults to 2 min, or 1 min in OkHTTP.
	Call time.Duration
	// Connect is the time-out of making a connection, TLS included. Defaults to 20 s,
	// or 10 s in OkHTTP, but no more than Call there.
	Connect time.Duration
	// Read is how long a server may take until its response begins, or goes on. Only
	// OkHTTP has it. Defaults to 10 s, but no more than Call.
	Read time.Duration
	// Write is how long a server may take no byte of a request. Only OkHTTP has it.
	// Defaults to 10 s, but no more than Call.
	Write time.Duration

	// PoolTTL is how long a connection lives, and 1 to 3 s more, so that they do not
	// end together. Names are resolved for each new one: so this is also how long
	// a new replica may be without work. Negative: connections do not end by their
	// age. Defaults to 15 s, or 1 min in OkHTTP.
	PoolTTL time.Duration
	// PoolSize bounds the connections to one host. In the Async profile requests
	// over it wait for a connection; in OkHTTP it bounds only those that are idle.
	// Where the process may have few files open there are fewer, but never fewer than 8.
	// Defaults to 1024.
	PoolSize int

	// MaxPayloadBytes bounds the body of a response, before and after it is
	// decompressed. Defaults to 32 MiB.
	MaxPayloadBytes int
	// MaxHeaderBytes bounds the head of a response, and its trailers. Defaults to 64 KiB.
	MaxHeaderBytes int

	// Headers are sent with every request. They may replace Accept, Host and
	// User-Agent; what the transport sets besides cannot be replaced.
	Headers map[string]Secret
	// TLS applies to https and https+unix.
	TLS TLS

	// What tests replace.
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	places *openfiles.Places
}

// Secret is a text that does not show where values are printed or logged.
type Secret string

const hidden = "[secret]"

// String does not return the secret.
func (Secret) String() string { return hidden }

// GoString does not return the secret.
func (Secret) GoString() string { return hidden }

// LogValue does not return the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText does not return the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// ConfigError says which field of a Config is wrong.
type ConfigError struct {
	// Field is the name in Config, such as "URL" or "TLS.ClientKey".
	Field string
	Err   error
}

func (e *ConfigError) Error() string { return "endpoint: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the field.
func (e *ConfigError) Unwrap() error { return e.Err }

func wrong(field, format string, args ...any) error {
	return &ConfigError{Field: field, Err: fmt.Errorf(format, args...)}
}

const (
	maxHeaders     = 100
	maxHeaderValue = 64 << 10
)

// validate fills in the defaults.
func (c *Config) validate() error {
	if c.Profile > OkHTTP {
		return wrong("Profile", "expected %v or %v, found %v", Async, OkHTTP, c.Profile)
	}
	if err := c.validateTimes(); err != nil {
		return err
	}
	c.PoolSize = cmp.Or(c.PoolSize, 1024)
	c.MaxPayloadBytes = cmp.Or(c.MaxPayloadBytes, 32<<20)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 64<<10)
	for field, n := range map[string]int{"PoolSize": c.PoolSize, "MaxPayloadBytes": c.MaxPayloadBytes} {
		if n < 1 {
			return wrong(field, "expected 1 or more, found %d", n)
		}
	}
	if c.MaxHeaderBytes < 256 || c.MaxHeaderBytes > 16<<20 {
		return wrong("MaxHeaderBytes", "expected 256 to %d, found %d", 16<<20, c.MaxHeaderBytes)
	}
	if c.lookup == nil {
		c.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if c.dial == nil {
		c.dial = new(net.Dialer).DialContext
	}
	if c.places == nil {
		c.places = openfiles.Outgoing()
	}
	return c.validateHeaders()
}

// validateTimes has the texts of StateFun, for both profiles.
func (c *Config) validateTimes() error {
	times := []struct {
		field, name string
		value       *time.Duration
	}{{"Call", "Call", &c.Call}, {"Connect", "Connect", &c.Connect}, {"Read", "Read", &c.Read}, {"Write", "Write", &c.Write}}
	for _, t := range times {
		if *t.value < 0 {
			return wrong(t.field, "Timeout durations must be larger than 0. Found %v", *t.value)
		}
	}
	d := c.Profile.defaults()
	c.Call = cmp.Or(c.Call, d.call)
	c.PoolTTL = cmp.Or(c.PoolTTL, d.poolTTL)
	if c.Profile == Async {
		c.Connect = cmp.Or(c.Connect, d.connect)
		return nil
	}
	for _, t := range times[1:] {
		*t.value = cmp.Or(*t.value, min(d.connect, c.Call))
		if *t.value > c.Call {
			return wrong(t.field, "%s timeout cannot be larger than request timeout. Found %v, and %v", t.name, *t.value, c.Call)
		}
	}
	return nil
}

// fixedHeaders are the transport's own.
var fixedHeaders = []string{
	"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Keep-Alive",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// validateHeaders says nothing of values.
func (c *Config) validateHeaders() error {
	if len(c.Headers) > maxHeaders {
		return wrong("Headers", "found %d, at most %d are allowed", len(c.Headers), maxHeaders)
	}
	seen := make(map[string]string, len(c.Headers))
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f || !isToken[r] }) {
			return wrong("Headers", "%q is not the name of a header: expected letters, digits and hyphens", clipped(name))
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch other := seen[canonical]; {
		case other != "":
			return wrong("Headers", "%s and %s are the same header", other, name)
		case slices.Contains(fixedHeaders, canonical):
			return wrong("Headers", "%s is set by the transport and cannot be replaced", name)
		}
		seen[canonical] = name
		if err := checkValue(string(c.Headers[name])); err != nil {
			return wrong("Headers", "the value of %s %w", name, err)
		}
	}
	return nil
}

func checkValue(v string) error {
	if len(v) > maxHeaderValue {
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(v), maxHeaderValue)
	}
	for _, b := range []byte(v) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return errors.New("has a line break or another control character, which no header can have")
		}
	}
	if v != strings.Trim(v, " \t") {
		return errors.New("begins or ends with white space, which does not arrive")
	}
	return nil
}
