package module

import (
	"fmt"
	"slices"
)

// Object reads a mapping of a module file by its keys. Which keys are known is what
// was asked for: once its binder has returned, every other key is a warning.
type Object struct {
	value *Value
	byKey map[string]*Value // that are not null
	known []string
	open  bool // any key is known
}

func newObject(v *Value) *Object {
	o := &Object{value: v, byKey: make(map[string]*Value, len(v.entries))}
	for _, e := range v.entries {
		if e.value.shape != null {
			o.byKey[e.key] = e.value
		}
	}
	return o
}

// Place is where the mapping begins.
func (o *Object) Place() Place { return o.value.place }

// Value is the mapping itself.
func (o *Object) Value() *Value { return o.value }

// Errorf reports an error about the mapping as a whole.
func (o *Object) Errorf(format string, args ...any) { o.value.Errorf(format, args...) }

// Get returns the value of a key, nil if it is not there or null.
func (o *Object) Get(key string) *Value {
	if !o.open && !slices.Contains(o.known, key) {
		o.known = append(o.known, key)
	}
	return o.byKey[key]
}

// Need returns the value of a key, and reports it if that is not there. expected
// says what should be, with its article.
func (o *Object) Need(key, expected string) *Value {
	v := o.Get(key)
	if v == nil {
		o.missing(key, fmt.Sprintf("missing key %s/%s: expected %s, found nothing", o.value.pointer(), key, expected))
	}
	return v
}

// missing reports an error about a key that is not there.
func (o *Object) missing(key, message string) {
	field := key
	if f := o.value.Field(); f != "" {
		field = f + "." + key
	}
	o.value.report.error(Problem{o.Place(), field, message})
}

// Keys returns all keys, in their order; they all count as known.
func (o *Object) Keys() []string {
	o.open = true
	keys := make([]string, len(o.value.entries))
	for i, e := range o.value.entries {
		keys[i] = e.key
	}
	return keys
}

// Unused says that these keys are known, but mean nothing here: a warning for each
// that is there. why completes "has no effect".
func (o *Object) Unused(why string, keys ...string) {
	for _, key := range keys {
		if v := o.Get(key); v != nil {
			v.Warnf("has no effect %s", why)
		}
	}
}

// warnUnknown reports the keys that nobody has asked for.
func (o *Object) warnUnknown() {
	if o.open {
		return
	}
	for _, e := range o.value.entries {
		if slices.Contains(o.known, e.key) {
			continue
		}
		hint := ""
		if near := nearest(e.key, o.known); near != "" {
			hint = fmt.Sprintf("; did you mean %s?", near)
		}
		e.value.report.warn(Problem{e.place, e.value.Field(), "unknown key, it is ignored" + hint})
	}
}

// at is the first of these keys that is there, or the mapping as a whole.
func (o *Object) at(keys ...string) *Value {
	for _, key := range keys {
		if v := o.Get(key); v != nil {
			return v
		}
	}
	return o.value
}

// within adds what StateFun says around every error of a spec.
func (o *Object) within(context string) { o.value.report.context = context }
