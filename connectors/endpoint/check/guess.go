package check

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/statefun-go/statefun/functions/protocol"
)

// guessed is what a body is that is no message.
type guessed struct {
	name, advice string
}

// looksLike is the end of a sentence.
func (g guessed) looksLike() string {
	if g.name == "" {
		return ""
	}
	return "; it looks like " + g.name
}

// guess tries what people send instead of a FromFunction.
func guess(b []byte) guessed {
	trimmed := bytes.TrimSpace(b)
	decoded, err := base64.StdEncoding.DecodeString(string(trimmed))
	switch {
	case len(trimmed) == 0:
		return guessed{}
	case len(trimmed) > 1 && (trimmed[0] == '{' || trimmed[0] == '[' || trimmed[0] == '"') && json.Valid(trimmed):
		return guessed{"JSON", "answer with the bytes of the protobuf message, not with its JSON form"}
	case isHTML(trimmed):
		return guessed{"HTML", "this is a web page, of a proxy or of another server: check the URL"}
	case err == nil && isFromFunction(decoded):
		return guessed{"a FromFunction in base64", "the body must be binary: behind AWS API Gateway, set isBase64Encoded and let the binary media types include " + protocol.ContentType}
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		return guessed{"gzip", "say so with Content-Encoding: gzip"}
	case isFramed(b):
		return guessed{"a FromFunction in a gRPC frame", "the body is the message alone, without the 5 bytes before it"}
	case isDelimited(b):
		return guessed{"a FromFunction with its length before it", "the body is the message alone: serialize it without a length (not writeDelimitedTo)"}
	case isText(b):
		return guessed{"text", "an error belongs into an answer with status 500"}
	}
	return guessed{}
}

func isHTML(b []byte) bool {
	start := bytes.ToLower(b[:min(len(b), 20)])
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// isFromFunction reports whether b is a message with something in it.
func isFromFunction(b []byte) bool {
	var m protocol.FromFunction
	return len(b) > 0 && new(protocol.Decoder).FromFunction(b, &m) == nil && m.Size() > 0
}

func isFramed(b []byte) bool {
	const header = 5
	return len(b) > header && b[0] == 0 && int(binary.BigEndian.Uint32(b[1:])) == len(b)-header && isFromFunction(b[header:])
}

func isDelimited(b []byte) bool {
	n, size := binary.Uvarint(b)
	return size > 0 && n == uint64(len(b)-size) && isFromFunction(b[size:])
}
