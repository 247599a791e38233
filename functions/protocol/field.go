package protocol

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of the oneofs' members.
const (
	fieldInvocation protowire.Number = 100
	fieldResult     protowire.Number = 100
	fieldIncomplete protowire.Number = 101
)

// DecodeError says where a message could not be read.
type DecodeError struct {
	// Field is the path to the field, such as
	// "FromFunction.invocation_result.outgoing_messages[3].target.id", or to the
	// message that has a malformed field.
	Field string
	Err   error
}

func (e *DecodeError) Error() string { return "protocol: " + e.Field + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

// Reasons why a message cannot be read, apart from those of package protowire,
// which are of malformed bytes.
var (
	// ErrGroup refuses groups, which no version of the protocol has.
	ErrGroup = errors.New("groups are not part of the protocol")
	// ErrWireType refuses a known field in another wire type than its own.
	ErrWireType = errors.New("unexpected wire type")
	// ErrText refuses strings that are not UTF-8.
	ErrText = errors.New("not valid UTF-8")
	// ErrSlash refuses an address whose namespace or type could not be told apart.
	ErrSlash = errors.New("has a slash")
	// ErrTooMany refuses messages with too many elements.
	ErrTooMany = errors.New("too many elements")

	errFieldNumber = errors.New("invalid field number")
)

// at puts the name of a field before the path of an error from within it.
func at(name string, err error) error {
	if e, ok := err.(*DecodeError); ok { //nolint:errorlint // made below, never wrapped
		e.Field = name + "." + e.Field
		return e
	}
	return &DecodeError{name, err}
}

// atElement is at for an element of a repeated field.
func atElement(name string, i int, err error) error {
	return at(fmt.Sprintf("%s[%d]", name, i), err)
}

// field is one field as it is on the wire.
type field struct {
	number protowire.Number
	wire   protowire.Type
	varint uint64
	bytes  []byte
}

// next reads the field at the beginning of b, which is not empty.
func next(b []byte) (f field, rest []byte, err error) {
	var n int
	if c := b[0]; c < 0x80 && c >= 1<<3 { // a tag of one byte, as most are
		f.number, f.wire, b = protowire.Number(c>>3), protowire.Type(c&7), b[1:]
	} else {
		if f.number, f.wire, n = protowire.ConsumeTag(b); n < 0 {
			return f, nil, protowire.ParseError(n)
		}
		if f.number > protowire.MaxValidNumber {
			return f, nil, errFieldNumber
		}
		b = b[n:]
	}
	switch f.wire {
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type, protowire.Fixed64Type:
		n = protowire.ConsumeFieldValue(f.number, f.wire, b)
	case protowire.StartGroupType, protowire.EndGroupType:
		return f, nil, fmt.Errorf("field %d: %w", f.number, ErrGroup)
	default:
		return f, nil, fmt.Errorf("field %d: unknown wire type %d", f.number, f.wire)
	}
	if n < 0 {
		return f, nil, fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
	}
	return f, b[n:], nil
}

// must checks the wire type of a known field.
func (f *field) must(t protowire.Type) error {
	if f.wire != t {
		return fmt.Errorf("%w %d, expected %d", ErrWireType, f.wire, t)
	}
	return nil
}
