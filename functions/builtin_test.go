package functions

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

func TestBuiltinBytes(t *testing.T) {
	t.Parallel()
	golden(t, Bool, false, "")
	golden(t, Bool, true, "0801")
	golden(t, Int, 0, "")
	golden(t, Int, 2, "0d02000000")
	golden(t, Int, -1, "0dffffffff")
	golden(t, Int32, math.MinInt32, "0d00000080")
	golden(t, Long, 0, "")
	golden(t, Long, 2, "090200000000000000")
	golden(t, Long, -2, "09feffffffffffffff")
	golden(t, Int64, math.MaxInt64, "09ffffffffffffff7f")
	golden(t, Float, 0, "")
	golden(t, Float, 1.5, "0d0000c03f")
	golden(t, Float, float32(math.Copysign(0, -1)), "0d00000080")
	golden(t, Double, 0, "")
	golden(t, Double, -2, "0900000000000000c0")
	golden(t, Double, math.Inf(1), "09000000000000f07f")
	golden(t, Double, math.Copysign(0, -1), "090000000000000080")
	golden(t, String, "", "")
	golden(t, String, "aé", "0a0361c3a9")
	golden(t, String, strings.Repeat("x", 128), "0a8001"+strings.Repeat("78", 128))
}

// golden checks the encoding of v, that it is not nil, and that it decodes to v.
func golden[T comparable](t *testing.T, typ Type[T], v T, want string) {
	t.Helper()
	b, err := typ.Encode(v)
	if err != nil || b == nil || hex.EncodeToString(b) != want {
		t.Errorf("%s: %v became %x (nil: %t), %v; want %s", typ.Name(), v, b, b == nil, err, want)
	}
	if back, err := typ.Decode(b); err != nil || back != v {
		t.Errorf("%s: %x became %v, %v; want %v", typ.Name(), b, back, err, v)
	}
}

func TestBuiltinTolerance(t *testing.T) {
	t.Parallel()
	const unknown = "1001" + "1a020102" + "2501020304" + "2b0830 2c" // fields 2 to 5, a group last
	decodes(t, Long, unknown+"090200000000000000"+unknown, 2)
	decodes(t, Long, "090200000000000000"+"090300000000000000", 3) // the last one wins
	decodes(t, Long, "0902000000000000000805", 2)                  // field 1, other wire type
	decodes(t, Long, "890002000000000000 00", 2)                   // an overlong tag
	decodes(t, Int, unknown+"0d02000000", 2)
	decodes(t, Bool, "08ffffffffffffffffff01", true)
	decodes(t, Bool, "08010800", false)
	decodes(t, String, "0a0161"+unknown+"0a00", "")
	decodes(t, Float, "0900000000000000000d0000c03f", 1.5)
	decodes(t, Double, unknown, 0)
}

func decodes[T comparable](t *testing.T, typ Type[T], in string, want T) {
	t.Helper()
	got, err := typ.Decode(unhex(t, in))
	if err != nil || got != want {
		t.Errorf("%s: %s became %v, %v; want %v", typ.Name(), in, got, err, want)
	}
}

func TestBuiltinMalformed(t *testing.T) {
	t.Parallel()
	malformed(t, Long, "0902", "unexpected EOF")
	malformed(t, Long, "09", "unexpected EOF")
	malformed(t, Int, "0d020000", "unexpected EOF")
	malformed(t, Bool, "08", "unexpected EOF")
	malformed(t, Bool, "08ffffffffffffffffff02", "overflow")
	malformed(t, Double, "0f", "reserved wire type")
	malformed(t, Float, "0001", "invalid field number")
	malformed(t, Float, "f897b9a83030", "invalid field number") // above 2^29
	malformed(t, Float, "0c", "end group")
	malformed(t, String, "0a0261", "unexpected EOF")
	malformed(t, String, "0a01ff", "not valid UTF-8")
	malformed(t, String, "0a01ff0a0161", "not valid UTF-8")
	_, err := String.Encode("\xff")
	wantError(t, err, "functions: encode io.statefun.types/string: string is not valid UTF-8")
}

func malformed[T comparable](t *testing.T, typ Type[T], in, wrong string) {
	t.Helper()
	got, err := typ.Decode(unhex(t, in))
	wantError(t, err, wrong)
	wantError(t, err, "functions: decode "+string(typ.Name()))
	if got != *new(T) {
		t.Errorf("%s: %s became %v", typ.Name(), in, got)
	}
}

// FuzzBuiltin holds the hand-written codecs equal to the protobuf library's.
func FuzzBuiltin(f *testing.F) {
	for _, seed := range []string{"", "0801", "0d02000000", "090200000000000000", "0a0161", "0a01ff", "0b0c", "0902000000000000000805"} {
		f.Add(unhex(f, seed))
	}
	wrappers := map[string]protoreflect.MessageDescriptor{}
	for _, kind := range []string{"BOOL", "SFIXED32", "SFIXED64", "FLOAT", "DOUBLE", "STRING"} {
		wrappers[kind] = wrapper(f, kind)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameAsProto(t, Bool, wrappers["BOOL"], b)
		sameAsProto(t, Int, wrappers["SFIXED32"], b)
		sameAsProto(t, Long, wrappers["SFIXED64"], b)
		sameAsProto(t, Float, wrappers["FLOAT"], b)
		sameAsProto(t, Double, wrappers["DOUBLE"], b)
		sameAsProto(t, String, wrappers["STRING"], b)
	})
}

func sameAsProto[T any](t *testing.T, typ Type[T], d protoreflect.MessageDescriptor, b []byte) {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	wantErr := proto.Unmarshal(b, m)
	got, err := typ.Decode(b)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s of %x: error %v, protobuf says %v", typ.Name(), b, err, wantErr)
	}
	if err != nil {
		return
	}
	if f, ok := any(got).(float32); ok && math.IsNaN(float64(f)) {
		return // dynamicpb passes it through a float64, which quiets signalling NaNs
	}
	m.SetUnknown(nil)
	want, _ := proto.Marshal(m)
	if again, err := typ.Encode(got); err != nil || !bytes.Equal(again, want) {
		t.Fatalf("%s of %x: %v became %x, %v; protobuf says %x", typ.Name(), b, got, again, err, want)
	}
}

// wrapper describes a proto3 message with one field, of the given type.
func wrapper(tb testing.TB, kind string) protoreflect.MessageDescriptor {
	tb.Helper()
	file := &descriptorpb.FileDescriptorProto{
		Name:   proto.String("wrapper.proto"),
		Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Wrapper"),
			Field: []*descriptorpb.FieldDescriptorProto{{
				Name:   proto.String("value"),
				Number: proto.Int32(1),
				Label:  descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				Type:   descriptorpb.FieldDescriptorProto_Type(descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+kind]).Enum(),
			}},
		}},
	}
	d, err := protodesc.NewFile(file, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return d.Messages().Get(0)
}

// Not parallel: it counts allocations.
func TestBuiltinAllocations(t *testing.T) {
	long, text := unhex(t, "090200000000000000"), unhex(t, "0a0161")
	for _, test := range []struct {
		name string
		want float64
		do   func()
	}{
		{"encode long", 1, func() { sink, _ = Long.Encode(2) }},
		{"encode zero", 0, func() { sink, _ = Long.Encode(0) }},
		{"encode int", 1, func() { sink, _ = Int.Encode(2) }},
		{"encode string", 1, func() { sink, _ = String.Encode("some text that is not so short") }},
		{"message of long", 1, func() { sink = Long.Of(2).Value }},
		{"decode long", 0, func() { _, _ = Long.Decode(long) }},
		{"skip unknown", 0, func() { _, _ = Long.Decode(text) }},
	} {
		if got := testing.AllocsPerRun(100, test.do); got != test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
	}
}

var sink []byte

func TestAliases(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual([]TypeName{Int32.Name(), Int64.Name()}, []TypeName{"io.statefun.types/int", "io.statefun.types/long"}) {
		t.Errorf("got %s and %s", Int32.Name(), Int64.Name())
	}
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func BenchmarkLong(b *testing.B) {
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			sink, _ = Long.Encode(int64(i))
		}
	})
	b.Run("decode", func(b *testing.B) {
		in := []byte{tagFixed64, 1, 2, 3, 4, 5, 6, 7, 8}
		b.ReportAllocs()
		for range b.N {
			_, _ = Long.Decode(in)
		}
	})
}
