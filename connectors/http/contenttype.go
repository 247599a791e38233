package http

import (
	"net/http"
	"strings"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
)

const mediaJSON = "application/json"

// messageType reads the type of a message for f.
func messageType(header http.Header, f *functions.Function) (t functions.TypeName, isJSON bool, err error) {
	value, err := httpserver.ContentType(header)
	if err != nil {
		return "", false, err
	}
	if name, ok := httpserver.CutMediaPrefix(value); ok {
		t, err = httpserver.ValueType(name)
		return t, false, err
	}
	if !strings.EqualFold(value, mediaJSON) {
		return "", false, httpserver.Refuse(http.StatusUnsupportedMediaType, "Content-Type %q; %s", httpserver.Clip(value), httpserver.MediaHint)
	}
	if t, ok := f.JSONType(); ok {
		return t, true, nil
	}
	return "", false, httpserver.Refuse(http.StatusUnsupportedMediaType, "Content-Type %s does not tell which type is meant: %s handles %s; %s", mediaJSON, f.Type, handled(f), httpserver.MediaHint)
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
			if strings.EqualFold(httpserver.MediaType(one), mediaJSON) {
				return true
			}
		}
	}
	return false
}
