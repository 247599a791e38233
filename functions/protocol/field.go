package protocol

import (
	"errors"
	"fmt"
	"slices"

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

// next reads the field at the beginning of b, which is not empty, into f, and
// returns what is after it.
func (f *field) next(b []byte) (rest []byte, err error) {
	c := b[0]
	f.number, f.wire = protowire.Number(c>>3), protowire.Type(c&7)
	if c >= 0x80 || f.number == 0 || f.wire != protowire.BytesType || len(b) < 2 || b[1] >= 0x80 {
		return f.nextOfAny(b)
	}
	end := 2 + int(b[1]) // a tag and a length of one byte each, as most are
	if end > len(b) {
		return nil, f.malformed(protowire.ParseError(-1))
	}
	f.bytes = b[2:end:end]
	return b[end:], nil
}

// nextOfAny is next for all fields.
func (f *field) nextOfAny(b []byte) (rest []byte, err error) {
	var n int
	if f.number, f.wire, n = protowire.ConsumeTag(b); n < 0 {
		return nil, protowire.ParseError(n)
	}
	if f.number > protowire.MaxValidNumber {
		return nil, errFieldNumber
	}
	b = b[n:]
	switch f.wire {
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
		f.bytes = slices.Clip(f.bytes)
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type, protowire.Fixed64Type:
		n = protowire.ConsumeFieldValue(f.number, f.wire, b)
	case protowire.StartGroupType, protowire.EndGroupType:
		return nil, f.malformed(ErrGroup)
	default:
		return nil, f.malformed(fmt.Errorf("unknown wire type %d", f.wire))
	}
	if n < 0 {
		return nil, f.malformed(protowire.ParseError(n))
	}
	return b[n:], nil
}

func (f *field) malformed(err error) error { return fmt.Errorf("field %d: %w", f.number, err) }

// must checks the wire type of a known field.
func (f *field) must(t protowire.Type) error {
	if f.wire != t {
		return f.mismatch(t)
	}
	return nil
}

func (f *field) mismatch(t protowire.Type) error {
	return fmt.Errorf("%w %d, expected %d", ErrWireType, f.wire, t)
}
