package jsonview

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/statefun-go/statefun/functions"
)

// Type is a type of values that can be shown. A functions.Type is one.
type Type interface {
	Name() functions.TypeName
	AsJSON(value []byte) ([]byte, error)
}

// Types are the types that are known by name. They do not change once made and
// are safe for concurrent use.
type Types struct {
	byName map[functions.TypeName]Type
}

// New knows the built-in types and those given, which may replace them.
func New(types ...Type) *Types {
	builtin := []Type{
		functions.Bool, functions.Int, functions.Long, functions.Float, functions.Double, functions.String,
	}
	t := &Types{make(map[functions.TypeName]Type, len(builtin)+len(types))}
	for _, known := range append(builtin, types...) {
		t.byName[known.Name()] = known
	}
	return t
}

// Append appends the value as JSON on one line to dst. It reports false, and
// appends nothing, if the value cannot be shown: its type is not known, or it is
// not what its type says.
func (t *Types) Append(dst []byte, name functions.TypeName, value []byte) ([]byte, bool) {
	if known := t.byName[name]; known != nil {
		shown, err := known.AsJSON(value)
		if err != nil {
			return dst, false
		}
		return Compact(dst, shown)
	}
	if !isComposite(value) {
		return dst, false
	}
	return Compact(dst, value)
}

// isComposite reports whether value, if it is JSON, is an object or an array.
func isComposite(value []byte) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	return len(value) > 0 && (value[0] == '{' || value[0] == '[')
}

// Compact appends JSON to dst on one line. It reports false, and appends
// nothing, if the text is not JSON in UTF-8.
func Compact(dst, text []byte) ([]byte, bool) {
	if !utf8.Valid(text) {
		return dst, false
	}
	b := bytes.NewBuffer(dst)
	if err := json.Compact(b, text); err != nil {
		return dst, false
	}
	return b.Bytes(), true
}

// AppendString appends s as a JSON string to dst. Bytes that are not UTF-8 become
// U+FFFD.
func AppendString(dst []byte, s string) []byte {
	if isPlain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	quoted, err := json.Marshal(s)
	if err != nil { // a string can always be marshalled
		return append(dst, `""`...)
	}
	return append(dst, quoted...)
}

// isPlain reports whether s needs no escape.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
