package http

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// Paths are read by hand, as they were sent: a multiplexer would decode and clean
// them first, and could no longer tell an encoded slash from a real one.

// reserved is the namespace whose paths are the node's own.
const reserved = "io.statefun"

// adminPrefix is what those paths begin with.
const adminPrefix = "/" + reserved + "/"

const addressForm = "/<namespace>/<type>/<id>"

// escapedPath returns the path of a request as it was sent.
func escapedPath(r *http.Request) string {
	if path := r.RequestURI; strings.HasPrefix(path, "/") {
		path, _, _ = strings.Cut(path, "?")
		return path
	}
	return r.URL.EscapedPath() // "http://host/path", as for a proxy
}

// splitPath splits "/namespace/type/rest" after the type. Both parts are still
// encoded.
func splitPath(path string) (typ, rest string, ok bool) {
	if !strings.HasPrefix(path, "/") {
		return "", "", false
	}
	path = path[1:]
	slash := strings.IndexByte(path, '/')
	if slash < 0 {
		return "", "", false
	}
	next := strings.IndexByte(path[slash+1:], '/')
	if next < 0 {
		return "", "", false
	}
	end := slash + 1 + next
	return path[:end], path[end+1:], true
}

// cutView splits the encoded part of a path after the type into the id and what
// of its state is asked for: the state with a name, or all if that is empty.
func cutView(rest string) (id, name string, ok bool) {
	if id, ok := strings.CutSuffix(rest, "/state"); ok {
		return id, "", true
	}
	slash := strings.LastIndexByte(rest, '/')
	if slash < 0 || slash == len(rest)-1 {
		return "", "", false
	}
	id, ok = strings.CutSuffix(rest[:slash], "/state")
	return id, rest[slash+1:], ok
}

// decodeType decodes the encoded name of a function type.
func decodeType(escaped string) (functions.TypeName, error) {
	s, err := decode(escaped)
	if err != nil {
		return "", err
	}
	return parseType(s)
}

func parseType(name string) (functions.TypeName, error) {
	t, err := functions.ParseTypeName(name)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "%v; expected the path %s", err, addressForm)
	}
	return t, nil
}

// decodeAddress decodes the id of an instance.
func decodeAddress(t functions.TypeName, escaped string) (functions.Address, error) {
	id, err := decode(escaped)
	if err != nil {
		return functions.Address{}, err
	}
	a := functions.Address{Type: t, ID: id}
	if err := a.Validate(); err != nil {
		return functions.Address{}, refuse(http.StatusBadRequest, "%v", err)
	}
	return a, nil
}

func decode(escaped string) (string, error) {
	if strings.IndexByte(escaped, '%') < 0 {
		return escaped, nil
	}
	s, err := url.PathUnescape(escaped)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "%v in the path: a percent sign is followed by two hexadecimal digits", err)
	}
	return s, nil
}
