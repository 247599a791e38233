package module

import (
	"fmt"
	"slices"

	"github.com/statefun-go/statefun/functions"
)

// Binder makes a component of a spec. It reports what is wrong with the spec through
// its values; what it returns counts only if nothing was reported. It embeds d in
// the component.
type Binder func(d Definition, spec *Object) Component

// Registry knows which kinds of components there are. It is not safe for concurrent
// use while kinds are registered.
type Registry struct {
	binders map[functions.TypeName]Binder
}

// NewRegistry returns a registry with the kinds of StateFun and its playground.
func NewRegistry() *Registry {
	return &Registry{binders: map[functions.TypeName]Binder{
		KindEndpointV1:        bindEndpointV1,
		KindEndpointV2:        bindEndpointV2,
		KindKafkaIngress:      bindKafkaIngress,
		KindKafkaEgress:       bindKafkaEgress,
		KindKinesisIngress:    bindKinesisIngress,
		KindKinesisEgress:     bindKinesisEgress,
		KindPlaygroundIngress: bindPlaygroundIngress,
		KindPlaygroundEgress:  bindPlaygroundEgress,
	}}
}

// Register adds a kind. It refuses one that is there already.
func (r *Registry) Register(kind functions.TypeName, b Binder) error {
	if _, err := functions.ParseTypeName(string(kind)); err != nil {
		return fmt.Errorf("module: kind: %w", err)
	}
	if _, ok := r.binders[kind]; ok {
		return fmt.Errorf("module: kind %s is there already", kind)
	}
	r.binders[kind] = b
	return nil
}

// Kinds returns all kinds, sorted.
func (r *Registry) Kinds() []functions.TypeName {
	kinds := make([]functions.TypeName, 0, len(r.binders))
	for kind := range r.binders {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// noExtension is what StateFun says of a kind or transport that there is not.
func noExtension(v *Value, t functions.TypeName, known []functions.TypeName) {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	hint := "Expected one of " + join(names)
	if near := nearest(string(t), names); near != "" {
		hint = "Did you mean " + near + "?"
	}
	v.Errorf("An extension with type %s does not exist. %s", v.typeName("TypeName", t), hint)
}
