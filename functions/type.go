package functions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Type turns values of T into bytes and back, under a name that travels with
// them. Types are small immutable values, safe for concurrent use; declare each
// once, in a package-level variable.
//
// A Type made with an invalid name, and the zero Type, fail every Encode and
// Decode, and every function that uses them fails [Function.Validate].
type Type[T any] struct {
	def *codec[T]
}

// codec is behind a pointer so that a Type is one word.
type codec[T any] struct {
	name   TypeName
	encode func(T) ([]byte, error)
	decode func([]byte) (T, error)
	asJSON func([]byte) ([]byte, error) // nil: decode, then marshal
	isJSON bool                         // the encoding is itself JSON
	err    error                        // why the type cannot be used
}

// NewType makes a type from an encoding of one's own.
//
// encode must not keep the value, and gives its result away. decode must
// neither change nor keep its argument. Both must be safe for concurrent use
// and should depend on nothing but their argument.
func NewType[T any](name TypeName, encode func(T) ([]byte, error), decode func([]byte) (T, error)) Type[T] {
	c := &codec[T]{name: name, encode: encode, decode: decode}
	if _, err := ParseTypeName(string(name)); err != nil {
		c.err = err
	} else if encode == nil || decode == nil {
		c.err = fmt.Errorf("functions: type %s needs both an encode and a decode function", name)
	}
	return Type[T]{c}
}

// Bytes makes a type of raw bytes. They are copied in both directions, so that
// the author may go on changing a slice that was sent, stored or received.
func Bytes(name TypeName) Type[[]byte] {
	return NewType(name,
		func(v []byte) ([]byte, error) { return append([]byte{}, v...), nil },
		func(b []byte) ([]byte, error) { return bytes.Clone(b), nil })
}

// JSON makes a type whose encoding is that of encoding/json.
func JSON[T any](name TypeName) Type[T] {
	t := NewType(name,
		func(v T) ([]byte, error) { return json.Marshal(v) },
		func(b []byte) (v T, err error) {
			err = json.Unmarshal(b, &v)
			return v, err
		})
	t.def.isJSON = true
	t.def.asJSON = validJSON
	return t
}

// Name is the type name that travels with the values; empty for the zero Type.
func (t Type[T]) Name() TypeName {
	if t.def == nil {
		return ""
	}
	return t.def.name
}

// Of makes a message of v. If v cannot be encoded, the message carries the
// error ([Message.Err]) and the invocation that sends it fails.
func (t Type[T]) Of(v T) Message {
	b, err := t.Encode(v)
	return Message{Type: t.Name(), Value: b, err: err}
}

// From reads the value of m. It is an error if m is of another type.
func (t Type[T]) From(m Message) (T, error) {
	if m.Type != t.Name() {
		var zero T
		return zero, fmt.Errorf("functions: message is of type %q, not %q", m.Type, t.Name())
	}
	return t.Decode(m.Value)
}

// Encode returns the bytes of v, which are the caller's.
func (t Type[T]) Encode(v T) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	b, err := t.def.encode(v)
	if err != nil {
		return nil, fmt.Errorf("functions: encode %s: %w", t.def.name, err)
	}
	return b, nil
}

// Decode reads a value from b, which it neither changes nor keeps.
func (t Type[T]) Decode(b []byte) (T, error) {
	if err := t.check(); err != nil {
		var zero T
		return zero, err
	}
	v, err := t.def.decode(b)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("functions: decode %s: %w", t.def.name, err)
	}
	return v, nil
}

// AsJSON shows encoded bytes to people and tools: as they are for JSON types,
// by protobuf's JSON mapping for protobuf types, else as encoding/json writes
// the decoded value.
func (t Type[T]) AsJSON(b []byte) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.def.asJSON != nil {
		return t.def.asJSON(b)
	}
	v, err := t.Decode(b)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// check reports why the type cannot be used at all.
func (t Type[T]) check() error {
	if t.def == nil {
		return errors.New("functions: the zero Type has no encoding: make one with JSON, Proto, Bytes or NewType")
	}
	return t.def.err
}

func validJSON(b []byte) ([]byte, error) {
	if !json.Valid(b) {
		return nil, fmt.Errorf("functions: %q is not JSON", clip(string(b)))
	}
	return b, nil
}
