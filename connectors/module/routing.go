package module

import (
	"github.com/statefun-go/statefun/functions"
)

// Route says what becomes of the records of one topic or stream: each is a message,
// whose type is ValueType, to the instance of every target that its key names.
type Route struct {
	// Source is the name of the topic or stream.
	Source string
	// ValueType is the type of the messages. It is free text, as in StateFun.
	ValueType string
	Targets   []functions.TypeName
}

// bindRoutes reads a list of topics or streams. Of two of the same name, the last
// counts.
func bindRoutes(v *Value, nameKey string) []Route {
	items, _ := v.List()
	var routes []Route
	at := map[string]int{}
	for _, item := range items {
		o, ok := item.Object()
		if !ok {
			continue
		}
		r := bindRoute(o, nameKey)
		if i, again := at[r.Source]; again && r.Source != "" {
			item.Warnf("%s %s is here twice, the last one counts", nameKey, quote(r.Source))
			routes[i] = r
			continue
		}
		at[r.Source] = len(routes)
		routes = append(routes, r)
	}
	return routes
}

func bindRoute(o *Object, nameKey string) Route {
	var r Route
	r.Source = bindName(o.Need(nameKey, "the name of a "+nameKey))
	r.ValueType = bindName(o.Need("valueType", "the type of its values"))
	v := o.Need("targets", "a list of function types")
	targets, ok := v.List()
	if ok && len(targets) == 0 {
		v.Warnf("without targets, what is read goes nowhere")
	}
	for _, t := range targets {
		if name, ok := t.FunctionType(); ok {
			r.Targets = append(r.Targets, name)
		}
	}
	return r
}

// bindName is a text that is not empty.
func bindName(v *Value) string {
	s, ok := v.Text()
	if ok && s == "" {
		v.Errorf("expected a text, found an empty one")
	}
	return s
}
