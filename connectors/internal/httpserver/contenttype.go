package httpserver

import (
	"net/http"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

const (
	// MediaPrefix stands before a typename in a Content-Type. A typename has a slash,
	// which media types do not allow: here it may.
	MediaPrefix = "application/vnd."
	// MediaHint tells of it.
	MediaHint = "expected Content-Type: " + MediaPrefix + "<namespace>/<name>"
)

// MediaType returns a media type without its parameters.
func MediaType(header string) string {
	if i := strings.IndexByte(header, ';'); i >= 0 {
		header = header[:i]
	}
	return strings.Trim(header, " \t")
}

// ContentType returns the media type of the body; that there is none, or several,
// is an error.
func ContentType(header http.Header) (string, error) {
	switch values := header["Content-Type"]; len(values) {
	case 0:
		return "", Refuse(http.StatusUnsupportedMediaType, "no Content-Type; %s", MediaHint)
	case 1:
		return MediaType(values[0]), nil
	default:
		return "", Refuse(http.StatusUnsupportedMediaType, "%d Content-Types, expected one", len(values))
	}
}

// CutMediaPrefix returns the typename that a media type holds, unchecked, if it
// holds one.
func CutMediaPrefix(value string) (string, bool) {
	if len(value) < len(MediaPrefix) || !strings.EqualFold(value[:len(MediaPrefix)], MediaPrefix) {
		return "", false
	}
	return value[len(MediaPrefix):], true
}

// reserved is the namespace that is the node's own.
const reserved = "io.statefun"

// ValueType checks a typename that comes from outside.
func ValueType(name string) (functions.TypeName, error) {
	t, err := functions.ParseTypeName(name)
	switch {
	case err != nil:
		return "", Refuse(http.StatusUnsupportedMediaType, "%v; %s", err, MediaHint)
	case t == functions.AsyncResultType || strings.HasPrefix(name, reserved+"/"):
		return "", Refuse(http.StatusUnsupportedMediaType, "messages of type %s are the runtime's own", t)
	}
	return t, nil
}

// SetType tells the client the type of the bytes that follow.
func SetType(header http.Header, t functions.TypeName) {
	header["Content-Type"] = []string{MediaPrefix + string(t)}
	header["X-Content-Type-Options"] = NoSniff
}

// NoSniff is a header's value, not to be changed.
var NoSniff = []string{"nosniff"}
