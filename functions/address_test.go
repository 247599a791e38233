package functions

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseTypeName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in, wrong string
	}{
		{in: "a/b"},
		{in: "com.example.fns/greeter"},
		{in: strings.Repeat("n", MaxTypeNameBytes-2) + "/t"},
		{in: "", wrong: "<namespace>/<name>"},
		{in: "greeter", wrong: "<namespace>/<name>"},
		{in: "/b", wrong: "<namespace>/<name>"},
		{in: "a/", wrong: "<namespace>/<name>"},
		{in: "a/b/c", wrong: "<namespace>/<name>"},
		{in: "a/\xff", wrong: "not valid UTF-8"},
		{in: strings.Repeat("n", MaxTypeNameBytes-1) + "/t", wrong: "of 1025 bytes, at most 1024"},
	} {
		name, err := ParseTypeName(test.in)
		wantError(t, err, test.wrong)
		if err == nil && name != TypeName(test.in) {
			t.Errorf("got %q, want %q", name, test.in)
		}
		if got := TypeName(test.in).valid(); got != (err == nil) {
			t.Errorf("valid(%q) = %t, ParseTypeName says %v", test.in, got, err)
		}
	}
}

func TestTypeNameParts(t *testing.T) {
	t.Parallel()
	name := TypeName("com.example/greeter")
	if name.Namespace() != "com.example" || name.Name() != "greeter" {
		t.Errorf("got %q and %q", name.Namespace(), name.Name())
	}
	if got := name.At("a/b").String(); got != "com.example/greeter/a/b" {
		t.Errorf("got %q", got)
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in    string
		want  Address
		wrong string
	}{
		{in: "a/b/c", want: Address{"a/b", "c"}},
		{in: "a/b/", want: Address{"a/b", ""}},
		{in: "a/b/c/d/", want: Address{"a/b", "c/d/"}},
		{in: "a/b", wrong: "<namespace>/<type>/<id>"},
		{in: "/b/c", wrong: "<namespace>/<name>"},
		{in: "a/b/\xff", wrong: "not valid UTF-8"},
		{in: "a/b/" + strings.Repeat("i", MaxIDBytes+1), wrong: "id of 65537 bytes for a/b, at most 65536"},
	} {
		got, err := ParseAddress(test.in)
		wantError(t, err, test.wrong)
		if err == nil && (got != test.want || got.String() != test.in) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestAddressAsText(t *testing.T) {
	t.Parallel()
	type value struct{ None, One Address }
	in := value{One: Address{"a/b", "c/d"}}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"None":"","One":"a/b/c/d"}` {
		t.Fatalf("got %s, %v", b, err)
	}
	var out value
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("got %v, %v", out, err)
	}
	wantError(t, json.Unmarshal([]byte(`{"One":"a"}`), &out), "invalid address")
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"", "a", "a/b", "a/b/c", "a/b/c/d", "//", "a/b/\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if a.valid() != (err == nil) && a != (Address{}) {
			t.Errorf("%q: valid is %t, error %v", s, a.valid(), err)
		}
		if err == nil && a.String() != s {
			t.Errorf("%q became %q", s, a)
		}
	})
}

// wantError checks that err says wrong, or that it is nil if wrong is empty.
func wantError(t *testing.T, err error, wrong string) {
	t.Helper()
	switch {
	case wrong == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)):
		t.Errorf("got error %v, want one that says %q", err, wrong)
	}
}
