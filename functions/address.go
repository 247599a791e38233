package functions

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxIDBytes is the longest instance id, in bytes of UTF-8.
const MaxIDBytes = 64 << 10

// MaxTypeNameBytes is the longest type name, namespace and slash included.
const MaxTypeNameBytes = 1 << 10

// TypeName is a two-part name, "namespace/name". It names function types,
// egresses and the types of values.
type TypeName string

// ParseTypeName checks that s is a namespace and a name with exactly one slash
// between them, neither of them empty, and valid UTF-8.
func ParseTypeName(s string) (TypeName, error) {
	ns, name, ok := strings.Cut(s, "/")
	switch {
	case !ok || ns == "" || name == "" || strings.Contains(name, "/"):
		return "", fmt.Errorf("functions: invalid type name %q: must be of format <namespace>/<name>", clip(s))
	case len(s) > MaxTypeNameBytes:
		return "", fmt.Errorf("functions: type name of %d bytes, at most %d are allowed", len(s), MaxTypeNameBytes)
	case !utf8.ValidString(s):
		return "", fmt.Errorf("functions: type name %q is not valid UTF-8", clip(s))
	}
	return TypeName(s), nil
}

// Namespace returns the part before the slash.
func (t TypeName) Namespace() string {
	ns, _, _ := strings.Cut(string(t), "/")
	return ns
}

// Name returns the part after the slash.
func (t TypeName) Name() string {
	_, name, _ := strings.Cut(string(t), "/")
	return name
}

// At is the address of the instance id of the function type t.
func (t TypeName) At(id string) Address { return Address{Type: t, ID: id} }

// valid is ParseTypeName without the reason, for the hot path.
func (t TypeName) valid() bool {
	slash := strings.IndexByte(string(t), '/')
	return slash > 0 && slash < len(t)-1 && len(t) <= MaxTypeNameBytes &&
		strings.IndexByte(string(t[slash+1:]), '/') < 0 && utf8.ValidString(string(t))
}

// Address is the logical address of one function instance: its function type
// and its id. The zero Address means "none".
type Address struct {
	Type TypeName
	ID   string
}

// ParseAddress reads "namespace/type/id". The id is everything after the second
// slash, slashes included; it may be empty.
func ParseAddress(s string) (Address, error) {
	ns, rest, ok := strings.Cut(s, "/")
	name, id, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return Address{}, fmt.Errorf("functions: invalid address %q: must be of format <namespace>/<type>/<id>", clip(s))
	}
	a := Address{Type: TypeName(ns + "/" + name), ID: id}
	return a, a.Validate()
}

// Validate reports what is wrong with the address: a malformed type, or an id
// that is not valid UTF-8 or longer than MaxIDBytes.
func (a Address) Validate() error {
	if _, err := ParseTypeName(string(a.Type)); err != nil {
		return err
	}
	if len(a.ID) > MaxIDBytes {
		return fmt.Errorf("functions: id of %d bytes for %s, at most %d are allowed", len(a.ID), a.Type, MaxIDBytes)
	}
	if !utf8.ValidString(a.ID) {
		return fmt.Errorf("functions: id %q of %s is not valid UTF-8", clip(a.ID), a.Type)
	}
	return nil
}

// valid is Validate without the reason, for the hot path.
func (a Address) valid() bool {
	return a.Type.valid() && len(a.ID) <= MaxIDBytes && utf8.ValidString(a.ID)
}

// IsZero reports whether a names no function.
func (a Address) IsZero() bool { return a.Type == "" }

// String returns "namespace/type/id".
func (a Address) String() string { return string(a.Type) + "/" + a.ID }

// MarshalText implements encoding.TextMarshaler, so that an address can be a
// field of a JSON value. The zero Address is the empty text.
func (a Address) MarshalText() ([]byte, error) {
	if a.IsZero() {
		return []byte{}, nil
	}
	return []byte(a.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(text []byte) (err error) {
	*a = Address{}
	if len(text) > 0 {
		*a, err = ParseAddress(string(text))
	}
	return err
}

const clipBytes = 80

// clip keeps error messages readable when somebody passes a megabyte.
func clip(s string) string {
	if len(s) <= clipBytes {
		return s
	}
	return s[:clipBytes] + "…"
}
