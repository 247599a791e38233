package functions

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The built-in types of Apache Flink Stateful Functions, byte for byte: each is
// a protobuf message of one field, number 1, which is left out when it is the
// default. So the zero value is no bytes at all. Encoding a fixed-size value
// costs one allocation; decoding one costs none.
var (
	// Bool is "io.statefun.types/bool".
	Bool = NewType("io.statefun.types/bool", encodeBool, decodeBool)
	// Int is "io.statefun.types/int", 32 bits. Int32 is another name for it.
	Int   = NewType("io.statefun.types/int", encodeInt, decodeInt)
	Int32 = Int
	// Long is "io.statefun.types/long", 64 bits. Int64 is another name for it.
	Long  = NewType("io.statefun.types/long", encodeLong, decodeLong)
	Int64 = Long
	// Float is "io.statefun.types/float", 32 bits.
	Float = NewType("io.statefun.types/float", encodeFloat, decodeFloat)
	// Double is "io.statefun.types/double", 64 bits.
	Double = NewType("io.statefun.types/double", encodeDouble, decodeDouble)
	// String is "io.statefun.types/string". It must be valid UTF-8, both ways.
	String = NewType("io.statefun.types/string", encodeString, decodeString)
)

// Tags of field 1 in each wire type.
const (
	tagVarint  = 1<<3 | byte(protowire.VarintType)
	tagFixed32 = 1<<3 | byte(protowire.Fixed32Type)
	tagFixed64 = 1<<3 | byte(protowire.Fixed64Type)
	tagBytes   = 1<<3 | byte(protowire.BytesType)
)

var (
	errUTF8        = errors.New("string is not valid UTF-8")
	errFieldNumber = errors.New("invalid field number")
)

func encodeBool(v bool) ([]byte, error) {
	if !v {
		return []byte{}, nil
	}
	return []byte{tagVarint, 1}, nil
}

func encodeInt(v int32) ([]byte, error) { return encodeFixed32(uint32(v)), nil }

func encodeLong(v int64) ([]byte, error) { return encodeFixed64(uint64(v)), nil }

// Negative zero is not the default and is written, as protobuf does.
func encodeFloat(v float32) ([]byte, error) { return encodeFixed32(math.Float32bits(v)), nil }

func encodeDouble(v float64) ([]byte, error) { return encodeFixed64(math.Float64bits(v)), nil }

func encodeString(v string) ([]byte, error) {
	switch {
	case v == "":
		return []byte{}, nil
	case !utf8.ValidString(v):
		return nil, errUTF8
	}
	b := make([]byte, 0, 1+protowire.SizeBytes(len(v)))
	b = append(b, tagBytes)
	return protowire.AppendString(b, v), nil
}

func encodeFixed32(v uint32) []byte {
	if v == 0 {
		return []byte{}
	}
	b := make([]byte, 5)
	b[0] = tagFixed32
	binary.LittleEndian.PutUint32(b[1:], v)
	return b
}

func encodeFixed64(v uint64) []byte {
	if v == 0 {
		return []byte{}
	}
	b := make([]byte, 9)
	b[0] = tagFixed64
	binary.LittleEndian.PutUint64(b[1:], v)
	return b
}

func decodeBool(b []byte) (bool, error) {
	f, err := decodeField(b, protowire.VarintType)
	if len(f) == 0 || err != nil {
		return false, err
	}
	v, _ := protowire.ConsumeVarint(f)
	return v != 0, nil
}

func decodeInt(b []byte) (int32, error) {
	v, err := decodeFixed32(b)
	return int32(v), err
}

func decodeLong(b []byte) (int64, error) {
	v, err := decodeFixed64(b)
	return int64(v), err
}

func decodeFloat(b []byte) (float32, error) {
	v, err := decodeFixed32(b)
	return math.Float32frombits(v), err
}

func decodeDouble(b []byte) (float64, error) {
	v, err := decodeFixed64(b)
	return math.Float64frombits(v), err
}

func decodeString(b []byte) (string, error) {
	f, err := decodeField(b, protowire.BytesType)
	if len(f) == 0 || err != nil {
		return "", err
	}
	v, _ := protowire.ConsumeBytes(f)
	return string(v), nil
}

func decodeFixed32(b []byte) (uint32, error) {
	if len(b) == 5 && b[0] == tagFixed32 { // as every encoder writes it
		return binary.LittleEndian.Uint32(b[1:]), nil
	}
	f, err := decodeField(b, protowire.Fixed32Type)
	if len(f) == 0 || err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(f), nil
}

func decodeFixed64(b []byte) (uint64, error) {
	if len(b) == 9 && b[0] == tagFixed64 {
		return binary.LittleEndian.Uint64(b[1:]), nil
	}
	f, err := decodeField(b, protowire.Fixed64Type)
	if len(f) == 0 || err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(f), nil
}

// decodeField returns the encoding of field 1, nil if it is absent. It reads as
// proto3 demands: other fields, and field 1 in another wire type, are skipped;
// of several the last one counts; each must be well-formed.
func decodeField(b []byte, want protowire.Type) ([]byte, error) {
	var field []byte
	for len(b) > 0 {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		if number > protowire.MaxValidNumber {
			return nil, errFieldNumber
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(number, wire, b)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		if number == 1 && wire == want {
			field = b[:size]
			if err := checkText(field, wire); err != nil {
				return nil, err
			}
		}
		b = b[size:]
	}
	return field, nil
}

// checkText refuses a string that is not UTF-8, even one that a later field
// replaces.
func checkText(field []byte, wire protowire.Type) error {
	if wire != protowire.BytesType {
		return nil
	}
	if text, _ := protowire.ConsumeBytes(field); !utf8.Valid(text) {
		return errUTF8
	}
	return nil
}
