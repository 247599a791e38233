package endpoint

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"
)

// headers are the configured ones, in the order in which they are sent.
type headers struct {
	list   []header
	secret *strings.Replacer
}

type header struct{ name, value string }

// minRedacted is the length from which on a header's value is taken out of what a
// server says: shorter ones are in any text.
const minRedacted = 6

func newHeaders(from map[string]Secret) headers {
	var h headers
	var secrets []string
	for _, name := range slices.Sorted(maps.Keys(from)) {
		value := string(from[name])
		h.list = append(h.list, header{textproto.CanonicalMIMEHeaderKey(name), value})
		if len(value) >= minRedacted {
			secrets = append(secrets, value, hidden)
		}
		// What comes after the scheme: "Bearer …".
		if _, token, ok := strings.Cut(value, " "); ok && len(token) >= minRedacted {
			secrets = append(secrets, token, hidden)
		}
	}
	h.secret = strings.NewReplacer(secrets...)
	return h
}

// get returns the value of a configured header.
func (h *headers) get(name string) (value string, ok bool) {
	for _, x := range h.list {
		if x.name == name {
			return x.value, true
		}
	}
	return "", false
}

// or returns the value of a configured header, or what is sent without one.
func (h *headers) or(name, otherwise string) string {
	if v, ok := h.get(name); ok {
		return v
	}
	return otherwise
}

// prefix is the head of a request up to the value of Content-Length, the last header.
func (h *headers) prefix(t *target) []byte {
	var b strings.Builder
	b.WriteString("POST " + t.url.RequestURI() + " HTTP/1.1\r\n")
	add := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	own := []header{
		{"Host", t.hostHeader()},
		{"Content-Type", octetStream},
		{"Accept", octetStream},
		{"Accept-Encoding", acceptEncoding},
		{"Connection", "keep-alive"},
		{"User-Agent", userAgent},
	}
	if auth := t.basicAuth(); auth != "" {
		own = append(own, header{"Authorization", auth})
	}
	for _, x := range own {
		add(x.name, h.or(x.name, x.value))
	}
	for _, x := range h.list {
		if !slices.ContainsFunc(own, func(o header) bool { return o.name == x.name }) {
			add(x.name, x.value)
		}
	}
	b.WriteString("Content-Length: ")
	return []byte(b.String())
}

const userAgent = "statefun"

// redact takes the secrets out of a text that comes from a server, which may repeat
// what it was sent.
func (h *headers) redact(s string) string { return h.secret.Replace(s) }
