package module

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/statefun-go/statefun/functions"
)

// Options say how module files are read.
type Options struct {
	// Registry has the kinds. Defaults to those of NewRegistry.
	Registry *Registry
	// Functions are those that the program has itself: nothing needs to have an
	// endpoint for them.
	Functions []functions.TypeName
	// MaxProblems bounds the errors, and the warnings, that are returned. Defaults
	// to 20.
	MaxProblems int
	// LookupEnv gets an environment variable for ${NAME}. Defaults to os.LookupEnv.
	LookupEnv func(name string) (value string, set bool)
}

// Load reads module files. A path is a file, a directory (which stands for the
// files module.yaml in it and right below it), or a file:// URL of either.
//
// The second result are warnings, in the order of the files and their lines. If
// anything is wrong, the error is a [*LoadError], and the module is nil.
func Load(paths []string, o Options) (*Module, []Problem, error) {
	if o.Registry == nil {
		o.Registry = NewRegistry()
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	o.MaxProblems = cmp.Or(o.MaxProblems, 20)
	l := &loader{options: &o, report: &report{}, module: &Module{}, bound: map[string]Place{}}
	l.findFiles(paths)
	for _, file := range l.module.Files {
		l.loadFile(file)
	}
	if len(l.report.errors) == 0 {
		l.checkWhole()
	}
	warnings, more := l.report.sorted(l.report.warnings, o.MaxProblems)
	if more += l.report.moreWarnings; more > 0 {
		warnings = append(warnings, Problem{Message: fmt.Sprintf("and %d more warnings", more)})
	}
	if err := l.report.loadError(o.MaxProblems); err != nil {
		return nil, warnings, err
	}
	return l.module, warnings, nil
}

// loader is one call of Load.
type loader struct {
	options *Options
	report  *report
	module  *Module
	bound   map[string]Place // what is bound, by role and key
}

func (l *loader) loadFile(file string) {
	data, err := readBounded(file, maxFileBytes)
	if err != nil {
		l.fileError(file, "expected a file that can be read: %s", reason(err))
		return
	}
	b := &builder{report: l.report, file: file, references: references{l.options.LookupEnv, filepath.Dir(file)}}
	documents := b.documents(data)
	if len(documents) == 1 && isLegacy(documents[0]) {
		l.loadLegacy(documents[0])
		return
	}
	for _, d := range documents {
		l.loadDocument(d)
	}
}

// reason is err without the path, which is said anyway.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

func (l *loader) fileError(file, format string, args ...any) {
	l.report.error(Problem{Place{File: file}, "", fmt.Sprintf("Failed loading a module at %s: ", file) + fmt.Sprintf(format, args...)})
}

// loadDocument reads a document of the current format.
func (l *loader) loadDocument(d *Value) {
	const invalid = "Invalid ComponentJsonObject; components should be a JSON object with the required fields [kind] and [spec]."
	if d.shape != mapping {
		d.Errorf("%s Found %s", invalid, d.Shown())
		return
	}
	o, _ := d.Object()
	kind, spec := o.Get("kind"), o.Get("spec")
	if kind == nil {
		o.missing("kind", invalid+" Found no kind")
	}
	if spec == nil {
		o.missing("spec", invalid+" Found no spec")
	}
	o.warnUnknown()
	if kind == nil || spec == nil {
		return
	}
	if name, ok := l.bindKind(kind); ok {
		l.bind(Definition{name, d.place}, spec)
	}
}

// bindKind reads the name of a kind.
func (l *loader) bindKind(v *Value) (functions.TypeName, bool) {
	l.report.context = "Invalid binder kind format."
	name, ok := v.TypeName()
	l.report.context = ""
	if ok && l.options.Registry.binders[name] == nil {
		noExtension(v, name, l.options.Registry.Kinds())
		ok = false
	}
	return name, ok
}

// bind makes a component of its spec.
func (l *loader) bind(d Definition, spec *Value) {
	spec.isSpec = true
	o, ok := spec.Object()
	if !ok {
		return
	}
	r := l.report
	before := len(r.errors) + r.moreErrors
	r.objects = r.objects[:0]
	r.objects = append(r.objects, o)
	c := l.options.Registry.binders[d.Kind](d, o)
	r.context = ""
	for _, o := range r.objects {
		o.warnUnknown()
	}
	l.add(c, o, len(r.errors)+r.moreErrors == before)
}

// add takes a component into the module. What it is bound to is checked even if its
// spec is wrong.
func (l *loader) add(c Component, spec *Object, valid bool) {
	if c == nil {
		return
	}
	place := func(key string) *Value { return cmp.Or(spec.Get(key), spec.value) }
	switch c := c.(type) {
	case *Endpoint:
		l.claim(roleEndpoint, string(c.Functions), place("functions"))
	case Ingress:
		l.claim("ingress", string(c.IngressID()), place("id"))
	case Egress:
		l.claim("egress", string(c.EgressID()), place("id"))
	}
	if !valid {
		return
	}
	m := l.module
	m.Components = append(m.Components, c)
	if e, ok := c.(*Endpoint); ok {
		m.Endpoints = append(m.Endpoints, e)
	}
	if i, ok := c.(Ingress); ok {
		m.Ingresses = append(m.Ingresses, i)
	}
	if e, ok := c.(Egress); ok {
		m.Egresses = append(m.Egresses, e)
	}
}

const roleEndpoint = "endpoint"

// claim reports that what is bound at v has been bound before.
func (l *loader) claim(role, key string, v *Value) {
	if key == "" { // which has been reported
		return
	}
	at := role + " " + key
	if first, ok := l.bound[at]; ok {
		if v.shape == scalar {
			key = v.bare()
		}
		v.Errorf("A binding for the key %s was previously defined. Expected one %s of it, found another; first at %s", clipped(key), role, first)
		return
	}
	l.bound[at] = v.place
}

// checkWhole looks at what StateFun asks of an application as a whole. Here a
// program can have functions of its own, and messages can come in over HTTP.
func (l *loader) checkWhole() {
	m := l.module
	whole := Place{}
	if len(m.Files) > 0 {
		whole.File = m.Files[0]
	}
	if len(m.Ingresses) == 0 {
		l.report.warn(Problem{whole, "", "There are no ingress defined. Messages come in only through the HTTP interface of the node"})
	}
	if len(m.Endpoints) == 0 && len(l.options.Functions) == 0 {
		l.report.warn(Problem{whole, "", "There are no function providers defined. Nothing handles messages"})
	}
	for _, f := range l.report.functions {
		_, specific := l.bound[roleEndpoint+" "+string(f.of)]
		_, namespace := l.bound[roleEndpoint+" "+f.of.Namespace()+everyName]
		if !specific && !namespace && !slices.Contains(l.options.Functions, f.of) {
			f.who.Warnf("Cannot find a provider for type %s: no endpoint has it%s", f.who.typeName("FunctionType", f.of), l.nearFunction(f.of))
		}
	}
}

func (l *loader) nearFunction(t functions.TypeName) string {
	const most = 1000 // comparing takes its time
	if len(l.report.warnings) >= most || len(l.module.Endpoints)+len(l.options.Functions) > most {
		return ""
	}
	var names []string
	for _, e := range l.module.Endpoints {
		name := string(e.Functions)
		if !e.Functions.IsSpecific() { // is it the namespace that is misspelled?
			name = name[:len(name)-1] + t.Name()
		}
		names = append(names, name)
	}
	for _, f := range l.options.Functions {
		names = append(names, string(f))
	}
	if near := nearest(string(t), names); near != "" {
		return "; did you mean " + clipped(near) + "?"
	}
	return ""
}
