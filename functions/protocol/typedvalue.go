package protocol

import (
	"github.com/statefun-go/statefun/functions"
)

// ContentType is the media type of requests and responses.
const ContentType = "application/octet-stream"

// TypedValue is a value and the name of its type. A state that an address does
// not have is an absent TypedValue; one with HasValue false counts as absent, too.
type TypedValue struct {
	// Present tells an empty TypedValue from an absent one. Encoding sets it by
	// itself if anything else is set; after decoding it is always right.
	Present bool
	// Typename is not checked: anything may have come over the wire.
	Typename functions.TypeName
	// HasValue tells no bytes from no value.
	HasValue bool
	// Value shares the memory of what it was decoded from.
	Value []byte
}

// ValueOf returns the TypedValue that holds b, which may be empty.
func ValueOf(t functions.TypeName, b []byte) TypedValue {
	return TypedValue{Present: true, Typename: t, HasValue: true, Value: b}
}

func (v *TypedValue) present() bool {
	return v.Present || v.HasValue || v.Typename != "" || len(v.Value) > 0
}

func (v *TypedValue) size() int {
	return sizeText(string(v.Typename)) + sizeBool(v.HasValue) + sizeBytes(v.Value)
}

func (v *TypedValue) append(b []byte) []byte {
	b = appendText(b, 1, string(v.Typename))
	b = appendBool(b, 2, v.HasValue)
	return appendBytes(b, 3, v.Value)
}

// sizeValue is the size of a field that holds a TypedValue.
func sizeValue(v *TypedValue) int {
	if !v.present() {
		return 0
	}
	return sizeMessage(v.size())
}

func appendValue(b []byte, field byte, v *TypedValue) []byte {
	if !v.present() {
		return b
	}
	return v.append(appendLength(b, field, v.size()))
}

// The zero Address is absent; one that is present but empty has the type "/".

func sizeAddress(a functions.Address) int {
	if a.IsZero() {
		return 0
	}
	return sizeMessage(addressSize(a))
}

func addressSize(a functions.Address) int {
	return sizeText(a.Type.Namespace()) + sizeText(a.Type.Name()) + sizeText(a.ID)
}

func appendAddress(b []byte, field byte, a functions.Address) []byte {
	if a.IsZero() {
		return b
	}
	b = appendLength(b, field, addressSize(a))
	b = appendText(b, 1, a.Type.Namespace())
	b = appendText(b, 2, a.Type.Name())
	return appendText(b, 3, a.ID)
}
