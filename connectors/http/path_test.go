package http

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
)

func TestCutView(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rest, id, name string
		ok             bool
	}{
		{"x/state", "x", "", true},
		{"x/state/n", "x", "n", true},
		{"/state", "", "", true},
		{"x/state/state", "x/state", "", true},
		{"x/state/state/n", "x/state", "n", true},
		{"x/state/n/m", "", "", false},
		{"x/state/", "", "", false},
		{"x%2Fstate", "", "", false},
		{"state", "", "", false},
		{"xstate", "", "", false},
		{"x", "", "", false},
		{"", "", "", false},
	} {
		id, name, ok := cutView(c.rest)
		if ok != c.ok || ok && (id != c.id || name != c.name) {
			t.Errorf("%q: got %q, %q, %v", c.rest, id, name, ok)
		}
	}
}

// Whatever path and Content-Type come in, what is made of them is valid, and
// writing it again gives the same.
func FuzzRequest(f *testing.F) {
	f.Add("/a/b/c%2Fd/state/x", "application/vnd.a/b; x=y")
	f.Add("/a%20b/c/%F0%9F%A6%A9", "application/json")
	f.Add("//%2F/%", "APPLICATION/VND.io.statefun/x")
	fn := counter()
	f.Fuzz(func(t *testing.T, path, mime string) {
		checkPath(t, path)
		typ, isJSON, err := messageType(http.Header{"Content-Type": {mime}}, fn)
		if err != nil || isJSON {
			return
		}
		again, _, err := messageType(http.Header{"Content-Type": {httpserver.MediaPrefix + string(typ)}}, fn)
		if _, invalid := functions.ParseTypeName(string(typ)); invalid != nil || err != nil || again != typ {
			t.Fatalf("%q is %q, again %q, %v, %v", mime, typ, again, err, invalid)
		}
	})
}

func checkPath(t *testing.T, path string) {
	t.Helper()
	typ, rest, ok := splitPath(path)
	if !ok {
		return
	}
	if "/"+typ+"/"+rest != path {
		t.Fatalf("%q was split into %q and %q", path, typ, rest)
	}
	if id, name, ok := cutView(rest); ok && strings.TrimSuffix(id+"/state/"+name, "/") != rest {
		t.Fatalf("%q was cut into %q and %q", rest, id, name)
	}
	name, err := decodeType(typ)
	if err != nil {
		return
	}
	a, err := decodeAddress(name, rest)
	if err != nil {
		return
	}
	if err := a.Validate(); err != nil || !utf8.ValidString(a.String()) {
		t.Fatalf("%q is %q, %v", path, a, err)
	}
	again := "/" + url.PathEscape(name.Namespace()) + "/" + url.PathEscape(name.Name()) + "/" + url.PathEscape(a.ID)
	typ, rest, _ = splitPath(again)
	name, err = decodeType(typ)
	if err != nil {
		t.Fatalf("%q: %v", again, err)
	}
	if b, err := decodeAddress(name, rest); err != nil || a != b {
		t.Fatalf("%q is %v, %q is %v, %v", path, a, again, b, err)
	}
}
