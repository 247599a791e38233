package module

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Value is a value of a module file that knows its place. A binder takes values
// out of an [Object]. The methods that read a value report what is wrong with it
// and return false; they also return false, and report nothing, for a nil *Value,
// which is one that is not there. A Value is not safe for concurrent use.
type Value struct {
	report *report
	place  Place
	shape  shape

	// The path to it: a key or an index in parent.
	parent *Value
	key    string
	index  int
	isSpec bool

	text    string // of a scalar
	written string // as it is in the file, before references were followed
	isText  bool   // not a number, say
	hidden  bool   // neither written nor text may be shown
	broken  bool   // a reference leads nowhere, which has been reported

	items   []*Value // of a list
	entries []entry  // of a mapping
}

type entry struct {
	key   string
	place Place
	value *Value
}

type shape int

const (
	null shape = iota
	scalar
	list
	mapping
)

// Place is where the value begins.
func (v *Value) Place() Place { return v.place }

// Field is the path of keys that leads to the value, such as
// "spec.topics[0].targets".
func (v *Value) Field() string {
	var steps []string
	for ; v.parent != nil; v = v.parent {
		if v.parent.shape == list {
			steps = append(steps, "["+strconv.Itoa(v.index)+"]")
			continue
		}
		steps = append(steps, clipped(v.key), ".")
	}
	var b strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		if b.Len() > 0 || steps[i] != "." {
			b.WriteString(steps[i])
		}
	}
	return b.String()
}

// pointer is the path from the spec, as StateFun writes it: "/topics/0/targets".
func (v *Value) pointer() string {
	if v.parent == nil || v.isSpec {
		return ""
	}
	step := clipped(v.key)
	if v.parent.shape == list {
		step = strconv.Itoa(v.index)
	}
	return v.parent.pointer() + "/" + step
}

// Errorf reports an error about the value. The message is one line; it should say
// what was expected and what was found, the latter with [Value.Shown].
func (v *Value) Errorf(format string, args ...any) {
	v.report.error(Problem{v.place, v.Field(), fmt.Sprintf(format, args...)})
}

// Warnf reports something that is allowed, but hardly meant.
func (v *Value) Warnf(format string, args ...any) {
	v.report.warn(Problem{v.place, v.Field(), fmt.Sprintf(format, args...)})
}

// Hide keeps what is written there out of errors and warnings.
func (v *Value) Hide() {
	if v != nil {
		v.hidden = true
	}
}

// Shown is the value as an error may show it: quoted and cut, with references
// instead of what they yield.
func (v *Value) Shown() string {
	switch v.shape {
	case null:
		return "nothing"
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	if v.hidden {
		return "something else"
	}
	return quote(v.written)
}

// bare is Shown without quotes, for texts that StateFun writes so.
func (v *Value) bare() string {
	s := v.Shown()
	if v.shape == scalar && !v.hidden {
		return s[1 : len(s)-1]
	}
	return s
}

// typeName is how StateFun prints t, which v holds: "TypeName(namespace, name)".
func (v *Value) typeName(class string, t functions.TypeName) string {
	if v.text != v.written {
		return class + "(" + v.bare() + ")"
	}
	return fmt.Sprintf("%s(%s, %s)", class, clipped(t.Namespace()), clipped(t.Name()))
}

// wrongType reports it in StateFun's words. what has its article: "a string".
func (v *Value) wrongType(what, expected string) {
	v.Errorf("Wrong type for key %s not %s: expected %s, found %s", cmp.Or(v.pointer(), "/"+v.key), what, expected, v.Shown())
}

// Text is any scalar, as it is written: 500 and "500" are the same.
func (v *Value) Text() (string, bool) {
	if v == nil || v.broken {
		return "", false
	}
	if v.shape != scalar {
		v.wrongType("a string", "a text")
		return "", false
	}
	return v.text, true
}

// Int is an integer from least to most, both included.
func (v *Value) Int(least, most int64) (int64, bool) {
	if v == nil || v.broken {
		return 0, false
	}
	expected := fmt.Sprintf("an integer from %d to %d", least, most)
	switch {
	case most == math.MaxInt64 && least == math.MinInt64:
		expected = "an integer"
	case most == math.MaxInt64:
		expected = fmt.Sprintf("an integer, at least %d", least)
	}
	if v.shape == scalar {
		n, err := strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 10, 64)
		if err == nil && n >= least && n <= most {
			return n, true
		}
		if err == nil {
			v.Errorf("expected %s, found %s", expected, v.Shown())
			return 0, false
		}
	}
	v.wrongType("an integer", expected)
	return 0, false
}

// Bool is true or false.
func (v *Value) Bool() (value, ok bool) {
	if v == nil || v.broken {
		return false, false
	}
	if v.shape == scalar {
		switch strings.ToLower(v.text) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	v.wrongType("a boolean", "true or false")
	return false, false
}

// Duration is a duration as Flink writes them: see [ParseDuration].
func (v *Value) Duration() (time.Duration, bool) {
	s, ok := v.Text()
	if !ok {
		return 0, false
	}
	d, err := ParseDuration(s)
	if err != nil {
		v.Errorf("expected a duration such as 10s, 1min or 500ms: %s, found %s", err, v.Shown())
		return 0, false
	}
	return d, true
}

// TypeName is a namespace and a name.
func (v *Value) TypeName() (functions.TypeName, bool) {
	s, ok := v.Text()
	if !ok {
		return "", false
	}
	t, err := functions.ParseTypeName(s)
	if err != nil {
		v.Errorf("Invalid type name string: %s. Must be of format <namespace>/<name>.%s", v.bare(), tooLong(s))
		return "", false
	}
	return t, true
}

func tooLong(s string) string {
	if len(s) <= functions.MaxTypeNameBytes {
		return ""
	}
	return fmt.Sprintf(" It has %d bytes, at most %d are allowed.", len(s), functions.MaxTypeNameBytes)
}

// mention is a function type that something is sent to.
type mention struct {
	of  functions.TypeName
	who *Value
}

// FunctionType is the type name of a function that messages go to. When all files
// have been read, there is a warning if nothing has that function.
func (v *Value) FunctionType() (functions.TypeName, bool) {
	t, ok := v.TypeName()
	if ok {
		v.report.functions = append(v.report.functions, mention{t, v})
	}
	return t, ok
}

// List is the values of a list.
func (v *Value) List() ([]*Value, bool) {
	if v == nil || v.broken {
		return nil, false
	}
	if v.shape != list {
		v.wrongType("a list", "a list")
		return nil, false
	}
	return v.items, true
}

// Object is a mapping, to be read by its keys.
func (v *Value) Object() (*Object, bool) {
	if v == nil || v.broken {
		return nil, false
	}
	if v.shape != mapping {
		v.wrongType("an object", "a mapping")
		return nil, false
	}
	o := newObject(v)
	v.report.objects = append(v.report.objects, o)
	return o, true
}
