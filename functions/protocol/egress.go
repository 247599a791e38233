package protocol

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/statefun-go/statefun/functions"
)

// The types of the messages that StateFun's SDKs send to egresses of Kafka and
// Kinesis. A Go function sends one with [functions.Context.Send]:
//
//	ctx.Send(greets, protocol.KafkaRecord.Of(protocol.KafkaProducerRecord{Topic: "greets", Key: id, Value: text}))
var (
	// KafkaRecord is "type.googleapis.com/io.statefun.sdk.egress.KafkaProducerRecord".
	KafkaRecord = functions.NewType("type.googleapis.com/io.statefun.sdk.egress.KafkaProducerRecord",
		func(r KafkaProducerRecord) ([]byte, error) {
			return r.Append([]byte{}), valid(r.Key, r.Topic)
		},
		func(b []byte) (KafkaProducerRecord, error) {
			r, err := DecodeKafkaProducerRecord(b)
			r.Value = append([]byte{}, r.Value...)
			return r, err
		})
	// KinesisRecord is "type.googleapis.com/io.statefun.sdk.egress.KinesisEgressRecord".
	KinesisRecord = functions.NewType("type.googleapis.com/io.statefun.sdk.egress.KinesisEgressRecord",
		func(r KinesisEgressRecord) ([]byte, error) {
			return r.Append([]byte{}), valid(r.PartitionKey, r.Stream, r.ExplicitHashKey)
		},
		func(b []byte) (KinesisEgressRecord, error) {
			r, err := DecodeKinesisEgressRecord(b)
			r.Value = append([]byte{}, r.Value...)
			return r, err
		})
)

// KafkaProducerRecord is a record for an egress of Kafka. Field 4 of its message is
// reserved for headers.
type KafkaProducerRecord struct {
	// Key is empty for a record without a key.
	Key   string
	Value []byte // value_bytes
	Topic string
}

// KinesisEgressRecord is a record for an egress of Kinesis.
type KinesisEgressRecord struct {
	PartitionKey string
	Value        []byte // value_bytes
	Stream       string
	// ExplicitHashKey is empty for none.
	ExplicitHashKey string
}

// DecodeKafkaProducerRecord reads a record, whose Value shares the memory of b.
func DecodeKafkaProducerRecord(b []byte) (KafkaProducerRecord, error) {
	var r KafkaProducerRecord
	if err := r.decode(b); err != nil {
		return KafkaProducerRecord{}, at("KafkaProducerRecord", err)
	}
	return r, nil
}

// DecodeKinesisEgressRecord reads a record, whose Value shares the memory of b.
func DecodeKinesisEgressRecord(b []byte) (KinesisEgressRecord, error) {
	var r KinesisEgressRecord
	if err := r.decode(b); err != nil {
		return KinesisEgressRecord{}, at("KinesisEgressRecord", err)
	}
	return r, nil
}

// Append adds the encoding of r to b and returns it, as append does. Strings must
// be valid UTF-8, or nobody can read them.
func (r *KafkaProducerRecord) Append(b []byte) []byte {
	b = grow(b, sizeText(r.Key)+sizeBytes(r.Value)+sizeText(r.Topic))
	b = appendText(b, 1, r.Key)
	b = appendBytes(b, 2, r.Value)
	return appendText(b, 3, r.Topic)
}

// Append adds the encoding of r to b and returns it, as append does. Strings must
// be valid UTF-8, or nobody can read them.
func (r *KinesisEgressRecord) Append(b []byte) []byte {
	b = grow(b, sizeText(r.PartitionKey)+sizeBytes(r.Value)+sizeText(r.Stream)+sizeText(r.ExplicitHashKey))
	b = appendText(b, 1, r.PartitionKey)
	b = appendBytes(b, 2, r.Value)
	b = appendText(b, 3, r.Stream)
	return appendText(b, 4, r.ExplicitHashKey)
}

func (r *KafkaProducerRecord) decode(b []byte) error {
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := text(&f, &r.Key); err != nil {
				return at("key", err)
			}
		case 2:
			if err := payload(&f, &r.Value); err != nil {
				return at("value_bytes", err)
			}
		case 3:
			if err := text(&f, &r.Topic); err != nil {
				return at("topic", err)
			}
		}
	}
	return nil
}

func (r *KinesisEgressRecord) decode(b []byte) error {
	var f field
	for len(b) > 0 {
		rest, err := f.next(b)
		if err != nil {
			return err
		}
		switch b = rest; f.number {
		case 1:
			if err := text(&f, &r.PartitionKey); err != nil {
				return at("partition_key", err)
			}
		case 2:
			if err := payload(&f, &r.Value); err != nil {
				return at("value_bytes", err)
			}
		case 3:
			if err := text(&f, &r.Stream); err != nil {
				return at("stream", err)
			}
		case 4:
			if err := text(&f, &r.ExplicitHashKey); err != nil {
				return at("explicit_hash_key", err)
			}
		}
	}
	return nil
}

func valid(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return ErrText
		}
	}
	return nil
}

// payload reads bytes, which share the memory of the input.
func payload(f *field, into *[]byte) error {
	if err := f.must(protowire.BytesType); err != nil {
		return err
	}
	*into = f.bytes
	return nil
}
