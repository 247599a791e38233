package module

import (
	"slices"
	"strings"

	"github.com/statefun-go/statefun/functions"
)

// isLegacy reports whether the only document of a file is in the format of 3.0.
func isLegacy(d *Value) bool {
	return d.child("version") != nil
}

// child is the value of a key, nil if it is not there or null, or v is no mapping.
func (v *Value) child(key string) *Value {
	if v == nil || v.shape != mapping {
		return nil
	}
	return newObject(v).Get(key)
}

// legacyKind is the kind that had this name in 3.0, "" if none had.
func legacyKind(name string) functions.TypeName {
	switch name {
	case "http":
		return KindEndpointV1
	case "io.statefun.kafka/ingress":
		return KindKafkaIngress
	case "io.statefun.kafka/egress":
		return KindKafkaEgress
	case "io.statefun.kinesis/ingress":
		return KindKinesisIngress
	case "io.statefun.kinesis/egress":
		return KindKinesisEgress
	}
	return ""
}

// loadLegacy reads the document of format 3.0.
func (l *loader) loadLegacy(d *Value) {
	l.report.context = "Failed loading a module at " + d.place.File
	spec := l.legacySpec(d)
	l.report.context = ""
	if spec == nil {
		return
	}
	o, ok := spec.Object()
	if !ok {
		return
	}
	for _, s := range []struct{ list, item, kind string }{
		{"endpoints", "endpoint", "kind"}, {"ingresses", "ingress", "type"}, {"egresses", "egress", "type"},
	} {
		items, _ := o.Get(s.list).List()
		for _, item := range items {
			l.legacyComponent(item, s.item, s.kind)
		}
	}
	o.warnUnknown()
}

// legacySpec checks what is around the spec of the module, and returns that.
func (l *loader) legacySpec(d *Value) *Value {
	root, _ := d.Object()
	module := root.Get("module")
	typ := module.child("meta").child("type")
	if typ == nil {
		root.missing("module.meta.type", "Unable to find a module type in "+d.place.File+": expected remote, found nothing")
	} else if name, ok := typ.Text(); ok && !strings.EqualFold(name, "remote") {
		typ.Errorf("Unknown module type %s, currently supported: REMOTE", typ.bare())
	}
	checkVersion(root.Get("version"))
	spec := module.child("spec")
	if spec == nil {
		root.missing("module.spec", "A module without a spec at "+d.place.File+": expected a mapping, found nothing")
	}
	root.warnUnknown()
	return spec
}

func checkVersion(v *Value) {
	if !v.isText {
		v.wrongType("a string", `the version in quotes: "3.0"`)
		return
	}
	version, ok := v.Text()
	switch {
	case !ok, version == "3.0":
	case version == "1.0" || version == "2.0":
		v.Errorf("Only format versions higher than or equal to 3.0 is supported. Was version %s.", version)
	default:
		v.Errorf(`Unrecognized format version: %s; expected "3.0"`, v.bare())
	}
}

// legacyComponent reads one entry of a section. kindKey is where its kind is; the
// id stands beside it, and moves into the spec.
func (l *loader) legacyComponent(item *Value, name, kindKey string) {
	wrapper, ok := item.Object()
	if !ok {
		return
	}
	inner, ok := wrapper.Need(name, "a mapping").Object()
	wrapper.warnUnknown()
	if !ok {
		return
	}
	meta, _ := inner.Need("meta", "a mapping").Object()
	spec := inner.Need("spec", "a mapping")
	inner.warnUnknown()
	if meta == nil || spec == nil {
		return
	}
	kind := meta.Get(kindKey)
	if other := meta.Get(otherKind(kindKey)); kind == nil && other != nil {
		kind = other
	}
	id := meta.Get("id")
	meta.warnUnknown()
	if kind == nil {
		meta.Need(kindKey, "the kind of the "+name)
		return
	}
	typ := functions.TypeName("")
	if text, ok := kind.Text(); ok {
		typ = legacyKind(text)
	}
	if typ == "" {
		if typ, ok = l.bindKind(kind); !ok {
			return
		}
	}
	if id != nil && spec.shape == mapping {
		spec.entries = append(
			slices.DeleteFunc(slices.Clone(spec.entries), func(e entry) bool { return e.key == "id" }),
			entry{"id", id.place, id},
		)
	}
	l.bind(Definition{typ, item.place}, spec)
}

func otherKind(key string) string {
	if key == "kind" {
		return "type"
	}
	return "kind"
}
