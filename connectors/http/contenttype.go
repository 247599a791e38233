package http

import (
	"net/http"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

const (
	mediaPrefix = "application/vnd."
	mediaJSON   = "application/json"
	mediaHint   = "expected Content-Type: " + mediaPrefix + "<namespace>/<name>"
)

var contentTypeJSON = []string{mediaJSON}

// mediaType returns a media type without its parameters.
func mediaType(header string) string {
	if i := strings.IndexByte(header, ';'); i >= 0 {
		header = header[:i]
	}
	return strings.Trim(header, " \t")
}

// messageType reads the type of a message for f.
func messageType(header http.Header, f *functions.Function) (t functions.TypeName, isJSON bool, err error) {
	var value string
	switch values := header["Content-Type"]; len(values) {
	case 0:
		return "", false, refuse(http.StatusUnsupportedMediaType, "no Content-Type; %s", mediaHint)
	case 1:
		value = mediaType(values[0])
	default:
		return "", false, refuse(http.StatusUnsupportedMediaType, "%d Content-Types, expected one", len(values))
	}
	if name, ok := cutMediaPrefix(value); ok {
		t, err = valueType(name)
		return t, false, err
	}
	if !strings.EqualFold(value, mediaJSON) {
		return "", false, refuse(http.StatusUnsupportedMediaType, "Content-Type %q; %s", clip(value), mediaHint)
	}
	if t, ok := f.JSONType(); ok {
		return t, true, nil
	}
	return "", false, refuse(http.StatusUnsupportedMediaType, "Content-Type %s does not tell which type is meant: %s handles %s; %s", mediaJSON, f.Type, handled(f), mediaHint)
}

func cutMediaPrefix(value string) (string, bool) {
	if len(value) < len(mediaPrefix) || !strings.EqualFold(value[:len(mediaPrefix)], mediaPrefix) {
		return "", false
	}
	return value[len(mediaPrefix):], true
}

// valueType checks a typename that comes from outside.
func valueType(name string) (functions.TypeName, error) {
	t, err := functions.ParseTypeName(name)
	switch {
	case err != nil:
		return "", refuse(http.StatusUnsupportedMediaType, "%v; %s", err, mediaHint)
	case t == functions.AsyncResultType || strings.HasPrefix(name, reserved+"/"):
		return "", refuse(http.StatusUnsupportedMediaType, "messages of type %s are the runtime's own", t)
	}
	return t, nil
}

func handled(f *functions.Function) string {
	names := make([]string, len(f.Handlers))
	for i, h := range f.Handlers {
		names[i] = h.String()
	}
	return strings.Join(names, ", ")
}

// wantsJSON reports whether the client asks for JSON, by name.
func wantsJSON(header http.Header) bool {
	for _, value := range header["Accept"] {
		for value != "" {
			var one string
			one, value, _ = strings.Cut(value, ",")
			if strings.EqualFold(mediaType(one), mediaJSON) {
				return true
			}
		}
	}
	return false
}

// setType tells the client the type of the bytes that follow.
func setType(header http.Header, t functions.TypeName) {
	header["Content-Type"] = []string{mediaPrefix + string(t)}
	header["X-Content-Type-Options"] = noSniff
}

var noSniff = []string{"nosniff"}

const clipBytes = 80

// clip keeps messages readable.
func clip(s string) string {
	if len(s) <= clipBytes {
		return s
	}
	return s[:clipBytes] + "…"
}
