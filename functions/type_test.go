package functions

import (
	"errors"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type point struct{ X, Y int }

func TestJSON(t *testing.T) {
	t.Parallel()
	typ := JSON[point]("test/point")
	m := typ.Of(point{1, 2})
	if m.Type != "test/point" || string(m.Value) != `{"X":1,"Y":2}` || m.Err() != nil {
		t.Errorf("got %v", m)
	}
	if back, err := typ.From(m); err != nil || back != (point{1, 2}) {
		t.Errorf("got %v, %v", back, err)
	}
	_, err := typ.Decode([]byte("{"))
	wantError(t, err, "functions: decode test/point: unexpected end of JSON input")
	_, err = typ.From(Long.Of(1))
	wantError(t, err, `message is of type "io.statefun.types/long", not "test/point"`)
	wantError(t, JSON[float64]("test/float").Of(math.NaN()).Err(), "functions: encode test/float: json: unsupported value: NaN")
}

func TestProto(t *testing.T) {
	t.Parallel()
	typ := Proto[*wrapperspb.Int64Value]()
	m := typ.Of(wrapperspb.Int64(150))
	if m.Type != "type.googleapis.com/google.protobuf.Int64Value" || string(m.Value) != "\x08\x96\x01" {
		t.Errorf("got %v", m)
	}
	if back, err := typ.From(m); err != nil || back.GetValue() != 150 {
		t.Errorf("got %v, %v", back, err)
	}
	if empty := typ.Of(wrapperspb.Int64(0)); empty.Value == nil || len(empty.Value) != 0 {
		t.Errorf("got %#v", empty.Value)
	}
	if name := ProtoAs[*wrapperspb.Int64Value]("test/int").Name(); name != "test/int" {
		t.Errorf("got %s", name)
	}
	_, err := typ.Decode([]byte{0xff})
	wantError(t, err, "functions: decode type.googleapis.com/google.protobuf.Int64Value: ")
	_, err = Proto[proto.Message]().Encode(nil)
	wantError(t, err, "Proto of protoreflect.ProtoMessage: must be a pointer to a generated message")
}

func TestBytesAreCopied(t *testing.T) {
	t.Parallel()
	typ := Bytes("test/bytes")
	in := []byte("abc")
	m := typ.Of(in)
	in[0] = 'x'
	out, err := typ.From(m)
	if err != nil || string(out) != "abc" {
		t.Errorf("got %q, %v", out, err)
	}
	out[0] = 'y'
	if string(m.Value) != "abc" {
		t.Errorf("the message changed to %q", m.Value)
	}
	if empty := typ.Of(nil); empty.Value == nil {
		t.Error("no bytes are not encoded as nil")
	}
}

func TestUnusableTypes(t *testing.T) {
	t.Parallel()
	nothing := func([]byte) (int, error) { return 0, nil }
	for _, test := range []struct {
		typ   Type[int]
		wrong string
	}{
		{Type[int]{}, "the zero Type has no encoding"},
		{JSON[int]("json"), `invalid type name "json"`},
		{NewType("test/int", nil, nothing), "type test/int needs both an encode and a decode function"},
		{NewType[int]("test/int", nil, nil), "needs both"},
	} {
		m := test.typ.Of(1)
		wantError(t, m.Err(), test.wrong)
		wantError(t, m.check(), test.wrong)
		_, err := test.typ.Decode(nil)
		wantError(t, err, test.wrong)
		_, err = test.typ.AsJSON(nil)
		wantError(t, err, test.wrong)
	}
}

func TestAsJSON(t *testing.T) {
	t.Parallel()
	own := NewType("test/own", func(p point) ([]byte, error) { return []byte{byte(p.X), byte(p.Y)}, nil },
		func(b []byte) (point, error) { return point{int(b[0]), int(b[1])}, nil })
	for _, test := range []struct {
		show func([]byte) ([]byte, error)
		in   []byte
		want string
	}{
		{Long.AsJSON, nil, "0"},
		{Long.AsJSON, []byte{tagFixed64, 2, 0, 0, 0, 0, 0, 0, 0}, "2"},
		{String.AsJSON, []byte("\x0a\x01a"), `"a"`},
		{own.AsJSON, []byte{1, 2}, `{"X":1,"Y":2}`},
		{JSON[point]("test/point").AsJSON, []byte(`{"X":1, "Z":3}`), `{"X":1, "Z":3}`},
		{Proto[*wrapperspb.Int64Value]().AsJSON, []byte("\x08\x96\x01"), `"150"`},
	} {
		if got, err := test.show(test.in); err != nil || string(got) != test.want {
			t.Errorf("%x became %s, %v; want %s", test.in, got, err, test.want)
		}
	}
	_, err := JSON[point]("test/point").AsJSON([]byte("nope"))
	wantError(t, err, `"nope" is not JSON`)
}

func TestMessageString(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		m    Message
		want string
	}{
		{Bool.Of(true), `io.statefun.types/bool "\b\x01"`},
		{String.Of("\xff"), "io.statefun.types/string (functions: encode io.statefun.types/string: string is not valid UTF-8)"},
		{Message{Type: "a/b", Value: make([]byte, 1<<20)}, ""},
	} {
		if got := test.m.String(); got != test.want && (test.want != "" || len(got) > 500) {
			t.Errorf("got %s", got)
		}
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	if err := Permanent(cause); !errors.Is(err, ErrPermanent) || !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("got %v", err)
	}
	if Permanent(nil) != nil || errors.Is(cause, ErrPermanent) {
		t.Error("only errors are permanent, and only marked ones")
	}
}
