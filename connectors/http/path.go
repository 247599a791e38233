package http

import (
	"net/http"
	"strings"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
)

// reserved is the namespace whose paths are the node's own.
const reserved = "io.statefun"

// adminPrefix is what those paths begin with.
const adminPrefix = "/" + reserved + "/"

const addressForm = "/<namespace>/<type>/<id>"

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

// isSend reports whether a POST or PUT of a path, without a query, can be a send.
func isSend(path string) bool { return !strings.HasPrefix(path, adminPrefix) }

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
	s, err := httpserver.Decode(escaped)
	if err != nil {
		return "", err
	}
	return parseType(s)
}

func parseType(name string) (functions.TypeName, error) {
	t, err := functions.ParseTypeName(name)
	if err != nil {
		return "", httpserver.Refuse(http.StatusBadRequest, "%v; expected the path %s", err, addressForm)
	}
	return t, nil
}

// decodeAddress decodes the id of an instance.
func decodeAddress(t functions.TypeName, escaped string) (functions.Address, error) {
	id, err := httpserver.Decode(escaped)
	if err != nil {
		return functions.Address{}, err
	}
	a := functions.Address{Type: t, ID: id}
	if err := a.Validate(); err != nil {
		return functions.Address{}, httpserver.Refuse(http.StatusBadRequest, "%v", err)
	}
	return a, nil
}
