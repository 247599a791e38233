package jsonview

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/statefun-go/statefun/functions"
)

func TestAppendShowsWhatItKnows(t *testing.T) {
	t.Parallel()
	own := functions.NewType("test/hex",
		func(v string) ([]byte, error) { return []byte(v), nil },
		func(b []byte) (string, error) { return "own " + string(b), nil })
	types := New(own, functions.JSON[int]("test/number"))
	for _, c := range []struct {
		name  string
		m     functions.Message
		want  string
		shown bool
	}{
		{"bool", functions.Bool.Of(true), "true", true},
		{"int", functions.Int.Of(-7), "-7", true},
		{"long", functions.Long.Of(math.MaxInt64), "9223372036854775807", true},
		{"float", functions.Float.Of(1.5), "1.5", true},
		{"double", functions.Double.Of(0), "0", true},
		{"string", functions.String.Of("a\n\"ü"), `"a\n\"ü"`, true},
		{"own", own.Of("x"), `"own x"`, true},
		{"json number of a known type", functions.Message{Type: "test/number", Value: []byte(" 5 ")}, "5", true},
		{"unknown object", functions.Message{Type: "a/b", Value: []byte("\n{ \"a\" :\n[1, 2] }")}, `{"a":[1,2]}`, true},
		{"unknown array", functions.Message{Type: "a/b", Value: []byte("[]")}, "[]", true},

		{"not a number", functions.Double.Of(math.NaN()), "", false},
		{"damaged long", functions.Message{Type: "io.statefun.types/long", Value: []byte{9, 1}}, "", false},
		{"unknown number", functions.Message{Type: "a/b", Value: []byte("5")}, "", false},
		{"unknown bytes", functions.Message{Type: "a/b", Value: []byte{1, 2}}, "", false},
		{"half an object", functions.Message{Type: "a/b", Value: []byte(`{"a":`)}, "", false},
		{"nothing", functions.Message{Type: "a/b"}, "", false},
		{"object in Latin-1", functions.Message{Type: "a/b", Value: []byte("{\"a\":\"\xfc\"}")}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, shown := types.Append([]byte("before "), c.m.Type, c.m.Value)
			if string(got) != "before "+c.want || shown != c.shown {
				t.Errorf("got %s, %v; want %s, %v", got, shown, c.want, c.shown)
			}
		})
	}
}

func FuzzAppendIsOneLineOfJSON(f *testing.F) {
	f.Add("io.statefun.types/string", []byte("\n\x01a"))
	f.Add("a/b", []byte("{\"a\": \"\u2028\"}\n"))
	types := New()
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		b := AppendString(nil, name)
		b = append(b, ':')
		b, shown := types.Append(b, functions.TypeName(name), value)
		if !shown {
			b = append(b, "null"...)
		}
		for _, c := range b {
			if c < ' ' {
				t.Fatalf("%q holds a control character", b)
			}
		}
		if text := append(append([]byte{'{'}, b...), '}'); !json.Valid(text) {
			t.Fatalf("%q is not JSON", text)
		}
	})
}
