package module

import (
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// Module is what the files of an application say. It is not changed once it is
// loaded, and safe for concurrent use.
type Module struct {
	// Files are those that were read, in that order.
	Files []string
	// Components are all components, in the order of the files and of the documents
	// in them. The others here are those of them that are endpoints, ingresses and
	// egresses.
	Components []Component
	Endpoints  []*Endpoint
	Ingresses  []Ingress
	Egresses   []Egress
}

// Endpoint returns the endpoint of a function type: the one that names it, or else
// the one for its namespace, or else nil.
func (m *Module) Endpoint(t functions.TypeName) *Endpoint {
	var namespace *Endpoint
	for _, e := range m.Endpoints {
		if !e.Functions.Matches(t) {
			continue
		}
		if e.Functions.IsSpecific() {
			return e
		}
		namespace = e
	}
	return namespace
}

// Component is what one document defines. It embeds [Definition].
type Component interface {
	// Defined says what kind it is of, and where.
	Defined() Definition
	// String describes it in a few words, without secrets.
	String() string
}

// Ingress is a component that messages come from.
type Ingress interface {
	Component
	// IngressID is unique among the ingresses of an application.
	IngressID() functions.TypeName
}

// Egress is a component that messages go to.
type Egress interface {
	Component
	// EgressID is unique among the egresses of an application. Functions send to it.
	EgressID() functions.Egress
}

// Definition says what kind a component is of, and where it is defined.
type Definition struct {
	Kind  functions.TypeName
	Place Place
}

// Defined implements Component.
func (d Definition) Defined() Definition { return d }

// Pattern names function types: "namespace/name" one, "namespace/*" all of a
// namespace.
type Pattern string

const everyName = "/*"

// IsSpecific reports whether the pattern names one function type.
func (p Pattern) IsSpecific() bool { return !strings.HasSuffix(string(p), everyName) }

// Matches reports whether the pattern names t.
func (p Pattern) Matches(t functions.TypeName) bool {
	if p.IsSpecific() {
		return string(p) == string(t)
	}
	return t.Namespace() == strings.TrimSuffix(string(p), everyName)
}

func bindPattern(v *Value) Pattern {
	t, ok := v.TypeName()
	if !ok {
		return ""
	}
	if strings.Contains(t.Namespace(), "*") || t.Name() != "*" && strings.Contains(t.Name(), "*") {
		v.Errorf("Invalid syntax for target functions. Only <namespace>/<name> or <namespace>/* are supported. Found %s", v.Shown())
	}
	return Pattern(t)
}

// join is a list for people: "a, b or c".
func join(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
