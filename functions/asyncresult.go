package functions

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// AsyncResultType is the type of the messages that carry an AsyncResult.
const AsyncResultType TypeName = "io.statefun.async/result"

// AsyncStatus says how asynchronous work ended.
type AsyncStatus uint8

const (
	// AsyncSuccess means that the work returned a value.
	AsyncSuccess AsyncStatus = iota + 1
	// AsyncFailure means that the work returned an error or panicked.
	AsyncFailure
	// AsyncUnknown means that the runtime crashed before it could record the
	// outcome: the work may have been done or not.
	AsyncUnknown
)

// String returns "success", "failure" or "unknown".
func (s AsyncStatus) String() string {
	switch s {
	case AsyncSuccess:
		return "success"
	case AsyncFailure:
		return "failure"
	case AsyncUnknown:
		return "unknown"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// AsyncResult is the outcome of asynchronous work on its way back to the
// function. It is for runtimes; authors see a [Result].
type AsyncResult struct {
	// Name is that of the operation.
	Name   string
	Status AsyncStatus
	// Metadata and Value are what was given to Driver.StartAsync, and what the
	// work returned if Status is AsyncSuccess.
	Metadata, Value Message
	// Error is the text of the work's error if Status is AsyncFailure.
	Error string
}

// NewAsyncResult is the result of work that returned value and err.
func NewAsyncResult(name string, metadata, value Message, err error) AsyncResult {
	if err == nil {
		err = value.err
	}
	if err != nil {
		return AsyncResult{Name: name, Status: AsyncFailure, Metadata: metadata, Error: err.Error()}
	}
	return AsyncResult{Name: name, Status: AsyncSuccess, Metadata: metadata, Value: value}
}

// UnknownAsyncResult is the result of work that a crash interrupted.
func UnknownAsyncResult(name string, metadata Message) AsyncResult {
	return AsyncResult{Name: name, Status: AsyncUnknown, Metadata: metadata}
}

// Message returns the message that carries r.
func (r AsyncResult) Message() Message {
	return Message{Type: AsyncResultType, Value: r.Encode()}
}

// asyncResultVersion is the first byte of an encoded AsyncResult.
const asyncResultVersion = 1

var errAsyncResult = errors.New("functions: malformed asynchronous result")

// Encode returns the encoding of r, which is kept in journals:
//
//	version  byte, 1
//	status   byte
//	name, metadata type, metadata value, value type, value, error:
//	         each a length (unsigned varint) and that many bytes
func (r AsyncResult) Encode() []byte {
	size := 2 + 6*binary.MaxVarintLen32 + len(r.Name) + len(r.Metadata.Type) + len(r.Metadata.Value) +
		len(r.Value.Type) + len(r.Value.Value) + len(r.Error)
	b := append(make([]byte, 0, size), asyncResultVersion, byte(r.Status))
	b = appendField(b, r.Name)
	b = appendField(b, r.Metadata.Type)
	b = appendField(b, r.Metadata.Value)
	b = appendField(b, r.Value.Type)
	b = appendField(b, r.Value.Value)
	return appendField(b, r.Error)
}

// DecodeAsyncResult reads what Encode wrote. The messages in the result share
// the memory of b.
func DecodeAsyncResult(b []byte) (AsyncResult, error) {
	if len(b) < 2 {
		return AsyncResult{}, errAsyncResult
	}
	if b[0] != asyncResultVersion {
		return AsyncResult{}, fmt.Errorf("functions: asynchronous result of version %d, expected %d", b[0], asyncResultVersion)
	}
	r := AsyncResult{Status: AsyncStatus(b[1])}
	if r.Status < AsyncSuccess || r.Status > AsyncUnknown {
		return AsyncResult{}, fmt.Errorf("functions: asynchronous result with unknown %v", r.Status)
	}
	if err := r.decodeFields(b[2:]); err != nil {
		return AsyncResult{}, err
	}
	return r, nil
}

func (r *AsyncResult) decodeFields(b []byte) error {
	var fields [6][]byte
	for i := range fields {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return errAsyncResult
		}
		end := used + int(n)
		fields[i], b = b[used:end:end], b[end:]
	}
	if len(b) > 0 {
		return errAsyncResult
	}
	r.Name, r.Error = string(fields[0]), string(fields[5])
	r.Metadata = Message{Type: TypeName(fields[1]), Value: fields[2]}
	r.Value = Message{Type: TypeName(fields[3]), Value: fields[4]}
	return nil
}

func appendField[B ~string | ~[]byte](b []byte, field B) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}
