package protocol

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol/internal/generated/egress"
	"github.com/statefun-go/statefun/functions/protocol/internal/generated/reqreply"
	"github.com/statefun-go/statefun/functions/protocol/internal/generated/types"
)

// npmMessage is a message in the bytes of the JavaScript SDK, unmodified. See
// scripts/protocolgolden.
type npmMessage struct {
	kind, name string
	bytes      []byte
}

func npmMessages(t testing.TB) (out []npmMessage) {
	t.Helper()
	file, err := os.ReadFile("testdata/npm.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		kind, rest, _ := strings.Cut(line, " ")
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		name, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(rest[len(quoted):]))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, npmMessage{kind, name, b})
	}
	if len(out) < 100 {
		t.Fatalf("testdata/npm.golden has %d messages", len(out))
	}
	return out
}

// recode decodes and encodes with the code under test.
var recode = map[string]func(t *testing.T, b []byte) []byte{
	"ToFunction": func(t *testing.T, b []byte) []byte {
		t.Helper()
		var d Decoder
		var m ToFunction
		noError(t, d.ToFunction(b, &m))
		sizeIs(t, m.Size(), b)
		return m.Append(nil)
	},
	"FromFunction": func(t *testing.T, b []byte) []byte {
		t.Helper()
		var d Decoder
		var m FromFunction
		noError(t, d.FromFunction(b, &m))
		sizeIs(t, m.Size(), b)
		return m.Append(nil)
	},
	"KafkaProducerRecord": recodeType(KafkaRecord),
	"KinesisEgressRecord": recodeType(KinesisRecord),
	"BooleanWrapper":      recodeType(functions.Bool),
	"IntWrapper":          recodeType(functions.Int),
	"LongWrapper":         recodeType(functions.Long),
	"FloatWrapper":        recodeType(functions.Float),
	"DoubleWrapper":       recodeType(functions.Double),
	"StringWrapper":       recodeType(functions.String),
}

func recodeType[T any](typ functions.Type[T]) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		t.Helper()
		v, err := typ.Decode(b)
		noError(t, err)
		out, err := typ.Encode(v)
		noError(t, err)
		return out
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sizeIs(t testing.TB, got int, b []byte) {
	t.Helper()
	if got != len(b) {
		t.Errorf("size %d, encoded are %d bytes", got, len(b))
	}
}

var generatedMessages = map[string]proto.Message{
	"ToFunction":          &reqreply.ToFunction{},
	"FromFunction":        &reqreply.FromFunction{},
	"KafkaProducerRecord": &egress.KafkaProducerRecord{},
	"KinesisEgressRecord": &egress.KinesisEgressRecord{},
	"BooleanWrapper":      &types.BooleanWrapper{},
	"IntWrapper":          &types.IntWrapper{},
	"LongWrapper":         &types.LongWrapper{},
	"FloatWrapper":        &types.FloatWrapper{},
	"DoubleWrapper":       &types.DoubleWrapper{},
	"StringWrapper":       &types.StringWrapper{},
}

// COMPAT 1: the JavaScript SDK's bytes, read and written by our code, are the same
// bytes again; and they say what messages.json says.
func TestBytesOfTheJavaScriptSDK(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/messages.json")
	noError(t, err)
	var meant map[string]map[string]json.RawMessage
	noError(t, json.Unmarshal(file, &meant))
	seen := 0
	for _, m := range npmMessages(t) {
		t.Run(m.kind+" "+m.name, func(t *testing.T) {
			t.Parallel()
			want := inOrder(t, m)
			if got := recode[m.kind](t, m.bytes); !bytes.Equal(got, want) {
				t.Errorf("\n got %x\nwant %x", got, want)
			}
		})
		if meant[m.name] == nil {
			continue
		}
		seen++
		want, got := generatedMessages[m.kind].ProtoReflect().New().Interface(), generatedMessages[m.kind].ProtoReflect().New().Interface()
		noError(t, protojson.Unmarshal(meant[m.name][m.kind], want))
		noError(t, proto.Unmarshal(m.bytes, got))
		if !proto.Equal(want, got) {
			t.Errorf("%s: got %v, want %v", m.name, got, want)
		}
	}
	if seen != len(meant) {
		t.Errorf("npm.golden has %d of %d messages of messages.json: run scripts/protocolgolden/golden.js", seen, len(meant))
	}
}

// inOrder returns the bytes of a message with the fields in the order of their
// numbers. All are, except that the JavaScript SDK writes a delayed invocation's
// fields 10 and 11 first.
func inOrder(t *testing.T, m npmMessage) []byte {
	t.Helper()
	generated := generatedMessages[m.kind].ProtoReflect().New().Interface()
	noError(t, proto.Unmarshal(m.bytes, generated))
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(generated)
	noError(t, err)
	if response, ok := generated.(*reqreply.FromFunction); ok && response.GetInvocationResult().GetDelayedInvocations() != nil {
		sizeIs(t, len(b), m.bytes)
	} else if !bytes.Equal(b, m.bytes) {
		t.Errorf("protobuf for Go makes %x of %x", b, m.bytes)
	}
	return b
}
