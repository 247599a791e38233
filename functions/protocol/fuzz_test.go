package protocol

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/statefun-go/statefun/functions/protocol/internal/generated/egress"
	"github.com/statefun-go/statefun/functions/protocol/internal/generated/reqreply"
)

// seed adds the JavaScript SDK's messages of a kind, and parts of them.
func seed(f *testing.F, kind string) {
	f.Helper()
	for _, m := range npmMessages(f) {
		if m.kind == kind && len(m.bytes) < 1000 {
			f.Add(m.bytes)
			f.Add(m.bytes[:len(m.bytes)/2])
			f.Add(slices.Concat(m.bytes, m.bytes)) // merged
		}
	}
}

// stricter reports whether an error is one of those that protobuf does not make.
func stricter(err error) bool {
	return errors.Is(err, ErrGroup) || errors.Is(err, ErrWireType) || errors.Is(err, ErrSlash) || errors.Is(err, ErrTooMany)
}

// agree compares what our code made of an input with what protobuf's generated
// code did: ours is the encoding of what was decoded, or err.
func agree(t *testing.T, generated proto.Message, b, ours []byte, err error) {
	t.Helper()
	theirs := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, generated)
	switch {
	case err != nil:
		if theirs == nil && !stricter(err) {
			t.Fatalf("%x: %v, but protobuf reads %v", b, err, generated)
		}
		if _, ok := errors.AsType[*DecodeError](err); !ok {
			t.Fatalf("%x: %v does not say where", b, err)
		}
		return
	case theirs != nil:
		t.Fatalf("%x: read as %x, but protobuf says %v", b, ours, theirs)
	}
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(generated)
	noError(t, err)
	if !bytes.Equal(ours, want) {
		t.Fatalf("%x\nencoded again %x\nwant          %x", b, ours, want)
	}
}

func FuzzToFunction(f *testing.F) {
	seed(f, "ToFunction")
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		var m ToFunction
		before := bytes.Clone(b)
		err := d.ToFunction(b, &m)
		if !bytes.Equal(before, b) {
			t.Fatal("the input was changed")
		}
		var generated reqreply.ToFunction
		ours := m.Append(nil)
		agree(t, &generated, b, ours, err)
		if err != nil {
			return
		}
		sizeIs(t, m.Size(), ours)
		converted := toFunctionOf(&generated)
		if again := converted.Append([]byte("before")); string(again) != "before"+string(ours) {
			t.Fatalf("%x\nencoded %x\nwant    %x", b, again, ours)
		}
		once := bytes.Clone(ours)
		if noError(t, d.ToFunction(once, &m)); !bytes.Equal(m.Append(nil), ours) {
			t.Fatalf("%x: the decoder's second message differs from its first", b)
		}
	})
}

func FuzzFromFunction(f *testing.F) {
	seed(f, "FromFunction")
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		var m FromFunction
		before := bytes.Clone(b)
		err := d.FromFunction(b, &m)
		if !bytes.Equal(before, b) {
			t.Fatal("the input was changed")
		}
		var generated reqreply.FromFunction
		ours := m.Append(nil)
		agree(t, &generated, b, ours, err)
		if err != nil {
			return
		}
		sizeIs(t, m.Size(), ours)
		converted := fromFunctionOf(&generated)
		if again := converted.Append([]byte("before")); string(again) != "before"+string(ours) {
			t.Fatalf("%x\nencoded %x\nwant    %x", b, again, ours)
		}
		once := bytes.Clone(ours)
		if noError(t, d.FromFunction(once, &m)); !bytes.Equal(m.Append(nil), ours) {
			t.Fatalf("%x: the decoder's second message differs from its first", b)
		}
	})
}

func FuzzEgressRecords(f *testing.F) {
	seed(f, "KafkaProducerRecord")
	seed(f, "KinesisEgressRecord")
	f.Fuzz(func(t *testing.T, b []byte) {
		kafka, err := DecodeKafkaProducerRecord(b)
		agree(t, &egress.KafkaProducerRecord{}, b, kafka.Append(nil), err)
		kinesis, err := DecodeKinesisEgressRecord(b)
		agree(t, &egress.KinesisEgressRecord{}, b, kinesis.Append(nil), err)
	})
}
