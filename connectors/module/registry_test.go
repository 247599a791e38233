package module_test

import (
	"strings"
	"testing"

	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// COMPAT 78: kinds of an application's own; see also the example.
func TestRegister(t *testing.T) {
	t.Parallel()
	r := module.NewRegistry()
	nothing := func(module.Definition, *module.Object) module.Component { return nil }
	for kind, want := range map[string]string{
		"nonsense":                     "must be of format <namespace>/<name>",
		"io.statefun.kafka.v1/ingress": "kind io.statefun.kafka.v1/ingress is there already",
	} {
		if err := r.Register(functions.TypeName(kind), nothing); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	if err := r.Register("my/kind", nothing); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Kinds()); n != 9 {
		t.Errorf("%d kinds", n)
	}
	m, _ := load(t, "kind: my/kind\nspec: {}\n", module.Options{Registry: r})
	if len(m.Components) != 0 {
		t.Errorf("got %v", m.Components)
	}
	// Another registry knows nothing of it.
	wrong, _ := problems(t, "kind: my/kind\nspec: {}\n", module.Options{})
	if len(wrong) != 1 || !strings.Contains(wrong[0], "An extension with type TypeName(my, kind) does not exist. Expected one of io.statefun.endpoints.v1/http, ") {
		t.Errorf("got %q", wrong)
	}
}

// A component that is neither endpoint, ingress nor egress is only in Components.
func TestOtherComponent(t *testing.T) {
	t.Parallel()
	r := module.NewRegistry()
	if err := r.Register("my/kind", func(d module.Definition, _ *module.Object) module.Component { return &note{d} }); err != nil {
		t.Fatal(err)
	}
	m, _ := load(t, "kind: my/kind\nspec: {}\n", module.Options{Registry: r})
	if len(m.Components) != 1 || len(m.Ingresses)+len(m.Egresses)+len(m.Endpoints) != 0 || m.Components[0].Defined().Kind != "my/kind" || m.Components[0].Defined().Place.Line != 1 {
		t.Errorf("got %+v", m)
	}
}

type note struct{ module.Definition }

func (*note) String() string { return "a note" }
