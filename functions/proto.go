package functions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// protoNamespace is the namespace that StateFun's SDKs give to protobuf types.
const protoNamespace = "type.googleapis.com/"

// Proto makes a type of a generated protobuf message, T being a pointer such as
// *pb.Greeting. Its name is "type.googleapis.com/" and the message's full name,
// as in StateFun's SDKs.
func Proto[T proto.Message]() Type[T] {
	var zero T
	if !isPointer(zero) {
		return ProtoAs[T]("")
	}
	return ProtoAs[T](TypeName(protoNamespace + zero.ProtoReflect().Descriptor().FullName()))
}

// ProtoAs is Proto under a name of one's own.
func ProtoAs[T proto.Message](name TypeName) Type[T] {
	var zero T
	if !isPointer(zero) {
		return Type[T]{&codec[T]{name: name, err: fmt.Errorf("functions: Proto of %v: must be a pointer to a generated message", reflect.TypeFor[T]())}}
	}
	blank := zero.ProtoReflect().Type()
	decode := func(b []byte) (T, error) {
		v := blank.New().Interface().(T)
		return v, proto.Unmarshal(b, v)
	}
	t := NewType(name, encodeProto[T], decode)
	t.def.asJSON = func(b []byte) ([]byte, error) {
		v, err := t.Decode(b)
		if err != nil {
			return nil, err
		}
		return protoJSON(v)
	}
	return t
}

// encodeProto is deterministic, so that equal values are equal bytes.
func encodeProto[T proto.Message](v T) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{}, v)
}

// protoJSON undoes the white space that protojson varies on purpose.
func protoJSON(v proto.Message) ([]byte, error) {
	b, err := protojson.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Compact(&out, b)
	return out.Bytes(), err
}

func isPointer(v any) bool { return reflect.ValueOf(v).Kind() == reflect.Pointer }
