package endpoint

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
)

// coding is how the body of a response is compressed.
type coding uint8

const (
	identity coding = iota
	gzipped
	deflated
	otherCoding
)

// acceptEncoding is what decode understands.
const acceptEncoding = "gzip,deflate"

// errTooLarge ends reading at a limit.
var errTooLarge = errors.New("too large")

// decode decompresses a body to at most limit bytes; beyond it is errTooLarge,
// whatever a bomb would have become. The result is appended to buffer.
func decode(body []byte, c coding, buffer []byte, limit int) ([]byte, error) {
	var r io.ReadCloser
	var err error
	switch {
	case c == gzipped:
		r, err = gzip.NewReader(bytes.NewReader(body))
	case isZlib(body):
		r, err = zlib.NewReader(bytes.NewReader(body))
	default: // what many servers take "deflate" for
		r = flate.NewReader(bytes.NewReader(body))
	}
	if err != nil {
		return nil, fmt.Errorf("the compressed body: %w", err)
	}
	defer r.Close() //nolint:errcheck // reads memory
	start := len(buffer)
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case len(buffer)-start > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return buffer, nil
		case err != nil:
			return nil, fmt.Errorf("the compressed body: %w", err)
		}
	}
}

// isZlib reports whether b begins as RFC 1950 has it, as "deflate" is meant to be.
func isZlib(b []byte) bool {
	return len(b) >= 2 && b[0]&0x0f == 8 && (uint(b[0])<<8|uint(b[1]))%31 == 0
}
