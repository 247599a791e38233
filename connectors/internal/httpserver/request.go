package httpserver

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Paths are read by hand, as they were sent: a multiplexer would decode and clean
// them first, and could no longer tell an encoded slash from a real one.

// EscapedPath returns the path of a request as it was sent.
func EscapedPath(r *http.Request) string {
	if path := r.RequestURI; strings.HasPrefix(path, "/") {
		path, _, _ = strings.Cut(path, "?")
		return path
	}
	return r.URL.EscapedPath() // "http://host/path", as for a proxy
}

// Decode decodes a part of an escaped path.
func Decode(escaped string) (string, error) {
	if strings.IndexByte(escaped, '%') < 0 {
		return escaped, nil
	}
	s, err := url.PathUnescape(escaped)
	if err != nil {
		return "", Refuse(http.StatusBadRequest, "%v in the path: a percent sign is followed by two hexadecimal digits", err)
	}
	return s, nil
}

// MaxKeyBytes is the longest Idempotency-Key.
const MaxKeyBytes = 1 << 10

// IdempotencyKey returns the Idempotency-Key, empty if there is none.
func IdempotencyKey(header http.Header) (string, error) {
	values := header["Idempotency-Key"]
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	switch {
	case len(values) > 1:
		return "", Refuse(http.StatusBadRequest, "%d Idempotency-Keys, expected one", len(values))
	case key == "" || len(key) > MaxKeyBytes:
		return "", Refuse(http.StatusBadRequest, "Idempotency-Key of %d bytes, expected 1 to %d", len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return "", Refuse(http.StatusBadRequest, "the Idempotency-Key is not valid UTF-8")
	}
	return key, nil
}

const clipBytes = 80

// Clip keeps messages readable.
func Clip(s string) string {
	if len(s) <= clipBytes {
		return s
	}
	return s[:clipBytes] + "…"
}
