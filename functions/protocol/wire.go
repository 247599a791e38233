package protocol

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers below 16 make tags of one byte, and only two are above: see
// appendMember. As proto3 demands, what is zero is left out.

func tag(field byte, t protowire.Type) byte { return field<<3 | byte(t) }

func sizeText(s string) int {
	if s == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(s))
}

func sizeBytes(v []byte) int {
	if len(v) == 0 {
		return 0
	}
	return 1 + protowire.SizeBytes(len(v))
}

func sizeBool(v bool) int {
	if v {
		return 2
	}
	return 0
}

func sizeVarint(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

// sizeMessage is the size of a field that holds a sub-message of n bytes.
func sizeMessage(n int) int { return 1 + protowire.SizeBytes(n) }

func appendText(b []byte, field byte, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendLength(b, field, len(s)), s...)
}

func appendBytes(b []byte, field byte, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return append(appendLength(b, field, len(v)), v...)
}

func appendBool(b []byte, field byte, v bool) []byte {
	if !v {
		return b
	}
	return append(b, tag(field, protowire.VarintType), 1)
}

func appendVarint(b []byte, field byte, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, tag(field, protowire.VarintType)), v)
}

// appendLength begins a field of n bytes.
func appendLength(b []byte, field byte, n int) []byte {
	if n < 0x80 {
		return append(b, tag(field, protowire.BytesType), byte(n))
	}
	return protowire.AppendVarint(append(b, tag(field, protowire.BytesType)), uint64(n))
}

// Members of the oneofs have numbers above 15, and tags of two bytes.

func sizeMember(n int) int { return 2 + protowire.SizeBytes(n) }

func appendMember(b []byte, field protowire.Number, n int) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(n))
}

// grow makes room for n more bytes, at once.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, len(b)+n), b...)
}
