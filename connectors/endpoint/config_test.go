package endpoint

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// COMPAT 43: defaults of both profiles.
func TestDefaults(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, c := range map[string]struct {
		cfg                              Config
		call, connect, read, write, pool time.Duration
	}{
		"async":                  {Config{}, 120 * s, 20 * s, 0, 0, 15 * s},
		"async, set":             {Config{Call: s, Connect: 3 * s, PoolTTL: -1}, s, 3 * s, 0, 0, -1},
		"okhttp":                 {Config{Profile: OkHTTP}, 60 * s, 10 * s, 10 * s, 10 * s, 60 * s},
		"okhttp, set":            {Config{Profile: OkHTTP, Call: 9 * s, Connect: s, Read: 2 * s, Write: 9 * s}, 9 * s, s, 2 * s, 9 * s, 60 * s},
		"okhttp, only call":      {Config{Profile: OkHTTP, Call: 5 * s}, 5 * s, 5 * s, 5 * s, 5 * s, 60 * s},
		"okhttp, only long call": {Config{Profile: OkHTTP, Call: 500 * s}, 500 * s, 10 * s, 10 * s, 10 * s, 60 * s},
	} {
		if err := c.cfg.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := []time.Duration{c.cfg.Call, c.cfg.Connect, c.cfg.Read, c.cfg.Write, c.cfg.PoolTTL}
		for i, want := range []time.Duration{c.call, c.connect, c.read, c.write, c.pool} {
			if got[i] != want {
				t.Errorf("%s: got %v, want %v at %d", name, got, want, i)
			}
		}
		if c.cfg.PoolSize != 1024 || c.cfg.MaxPayloadBytes != 33554432 || c.cfg.MaxHeaderBytes != 65536 {
			t.Errorf("%s: got %+v", name, c.cfg)
		}
	}
}

// COMPAT 43, 57: what is refused, and how.
func TestBadConfigs(t *testing.T) {
	t.Parallel()
	const url = "http://localhost/"
	many := make(map[string]Secret)
	for i := range maxHeaders + 1 {
		many[strings.Repeat("x", i+1)] = "v"
	}
	for name, c := range map[string]struct {
		cfg         Config
		field, want string
	}{
		"profile":              {Config{URL: url, Profile: 9}, "Profile", "expected async or okhttp, found Profile(9)"},
		"negative call":        {Config{URL: url, Call: -1}, "Call", "Timeout durations must be larger than 0."},
		"negative read":        {Config{URL: url, Profile: OkHTTP, Read: -1}, "Read", "Timeout durations must be larger than 0."},
		"connect over call":    {Config{URL: url, Profile: OkHTTP, Call: 5, Connect: 6}, "Connect", "Connect timeout cannot be larger than request timeout."},
		"read over call":       {Config{URL: url, Profile: OkHTTP, Call: 5, Read: 6}, "Read", "Read timeout cannot be larger than request timeout."},
		"write over call":      {Config{URL: url, Profile: OkHTTP, Call: 5, Write: 6}, "Write", "Write timeout cannot be larger than request timeout."},
		"pool size":            {Config{URL: url, PoolSize: -1}, "PoolSize", "expected 1 or more, found -1"},
		"payload":              {Config{URL: url, MaxPayloadBytes: -1}, "MaxPayloadBytes", "expected 1 or more, found -1"},
		"header bytes":         {Config{URL: url, MaxHeaderBytes: 5}, "MaxHeaderBytes", "expected 256 to"},
		"header's name":        {Config{URL: url, Headers: map[string]Secret{"a b": "v"}}, "Headers", `"a b" is not the name of a header`},
		"header's empty name":  {Config{URL: url, Headers: map[string]Secret{"": "v"}}, "Headers", "is not the name of a header"},
		"header's value":       {Config{URL: url, Headers: map[string]Secret{"A": "hush\r\nB: c"}}, "Headers", "the value of A has a line break"},
		"header's white space": {Config{URL: url, Headers: map[string]Secret{"A": "hush "}}, "Headers", "the value of A begins or ends with white space"},
		"header's length":      {Config{URL: url, Headers: map[string]Secret{"A": Secret(strings.Repeat("x", 70_000))}}, "Headers", "has 70000 bytes"},
		"same header":          {Config{URL: url, Headers: map[string]Secret{"x-a": "1", "X-A": "2"}}, "Headers", "X-A and x-a are the same header"},
		"own header":           {Config{URL: url, Headers: map[string]Secret{"content-length": "1"}}, "Headers", "content-length is set by the transport"},
		"many headers":         {Config{URL: url, Headers: many}, "Headers", "found 101, at most 100"},
		"no URL":               {Config{}, "URL", `found the scheme ""`},
		"no scheme":            {Config{URL: "localhost:8000/x"}, "URL", `expected http, https, http+unix or https+unix, found the scheme "localhost"`},
		"no host":              {Config{URL: "http:///x"}, "URL", "expected http://HOST[:PORT]/PATH, found no host"},
		"opaque":               {Config{URL: "http:x"}, "URL", "found no host"},
		"bad port":             {Config{URL: "http://localhost:0/x"}, "URL", `port "0": expected 1 to 65535`},
		"large port":           {Config{URL: "http://localhost:65536/x"}, "URL", `port "65536": expected 1 to 65535`},
		"bad URL":              {Config{URL: "http://u:hush@local host/%zz"}, "URL", "not a URL: invalid character \" \" in host name"},
		"another placeholder":  {Config{URL: "http://{name}/x"}, "URL", "braces that are not of {function.name}, the only placeholder"},
		"socket with a host":   {Config{URL: "http+unix://run/x.sock/y"}, "URL", "with three slashes, found the host \"run\""},
		"no socket":            {Config{URL: "http+unix:///run/x/y"}, "URL", "found no element of the path that ends in .sock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(c.cfg)
			if e, ok := errors.AsType[*ConfigError](err); !ok || e.Field != c.field || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want %s: %q", err, c.field, c.want)
			}
		})
	}
}

// COMPAT 2: the template.
func TestTargets(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]struct{ uri, host, address, show string }{
		"http://fns/{function.name}": {"/greeter", "fns", "fns:80", "http://fns/greeter"},
		"http://fns":                 {"/", "fns", "fns:80", "http://fns"},
		"https://fns:443/x":          {"/x", "fns", "fns:443", "https://fns:443/x"},
		"https://fns:80/x":           {"/x", "fns:80", "fns:80", "https://fns:80/x"},
		"http://[::1]/x":             {"/x", "[::1]", "[::1]:80", "http://[::1]/x"},
		"http://[::1]:8000/x":        {"/x", "[::1]:8000", "[::1]:8000", "http://[::1]:8000/x"},
		"http://u:p@{function.name}.svc:1/x?code=a b#frag": {"/x?code=a%20b", "greeter.svc:1", "greeter.svc:1", "http://greeter.svc:1/x"},
		"http://fns?f={function.name}":                     {"/?f=greeter", "fns", "fns:80", "http://fns"},
		"http://fns/{function.name}/{function.name}":       {"/greeter/greeter", "fns", "fns:80", "http://fns/greeter/greeter"},
		"http://fns/a%2F%20ü":                              {"/a%2F%20%C3%BC", "fns", "fns:80", "http://fns/a%2F%20%C3%BC"},
		"http+unix:///a.d/b.sock/c.sock/{function.name}":   {"/c.sock/greeter", "localhost", "/a.d/b.sock", "http+unix:///a.d/b.sock/c.sock/greeter"},
		"https+unix:///a%20b.sock":                         {"/", "localhost", "/a b.sock", "https+unix:///a%20b.sock"},
	} {
		got, err := parseTarget(template, "ns/greeter")
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got.url.RequestURI() != want.uri || got.hostHeader() != want.host || got.address != want.address || got.show != want.show {
			t.Errorf("%s: got %s, %s, %s, %s", template, got.url.RequestURI(), got.hostHeader(), got.address, got.show)
		}
	}
}

// Whatever a function is called, a request has one line for its target.
func FuzzTarget(f *testing.F) {
	f.Add("http://fns/{function.name}?x", "ns/greeter")
	f.Add("http+unix:///x.sock/{function.name}", "ns/a b\r\n")
	f.Add("https://{function.name}:1/", "ns/[::1]")
	f.Fuzz(func(t *testing.T, template, name string) {
		target, err := parseTarget(template, functionName(name))
		if err != nil {
			return
		}
		h := newHeaders(nil)
		prefix := string(h.prefix(target))
		want := 7
		if target.url.User != nil {
			want++
		}
		if strings.Count(prefix, "\r\n") != want || strings.Count(prefix, "\n") != want {
			t.Errorf("%q, %q: %q", template, name, prefix)
		}
		line, _, _ := strings.Cut(prefix, "\r\n")
		if strings.Count(line, " ") != 2 {
			t.Errorf("%q, %q: %q", template, name, line)
		}
	})
}
