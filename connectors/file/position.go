package file

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// position is a place between two lines of the file, and what tells that it is
// the same file. The zero position is the beginning.
type position struct {
	offset int64  // bytes before it
	last   uint32 // bytes of the line that ends there
	check  uint64 // checksum of that line
}

const (
	positionVersion = 1
	positionBytes   = 1 + 8 + 4 + 8
)

func checksum(line []byte) uint64 { return xxhash.Sum64(line) }

// advance moves the position behind a line that follows it.
func (p *position) advance(line []byte) {
	*p = position{p.offset + int64(len(line)), uint32(len(line)), checksum(line)}
}

// encode is what the journal keeps: a version byte and the fields, big-endian.
func (p position) encode() []byte {
	b := make([]byte, 0, positionBytes)
	b = append(b, positionVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(p.offset))
	b = binary.BigEndian.AppendUint32(b, p.last)
	return binary.BigEndian.AppendUint64(b, p.check)
}

// decodePosition reads what encode made; no bytes are the beginning.
func decodePosition(b []byte) (position, error) {
	switch {
	case b == nil:
		return position{}, nil
	case len(b) == 0 || b[0] != positionVersion:
		return position{}, fmt.Errorf("the journaled position %x is of an unknown version, expected %d: was it written by a newer program?", b, positionVersion)
	case len(b) != positionBytes:
		return position{}, fmt.Errorf("the journaled position %x has %d bytes, expected %d", b, len(b), positionBytes)
	}
	p := position{
		offset: int64(binary.BigEndian.Uint64(b[1:])),
		last:   binary.BigEndian.Uint32(b[9:]),
		check:  binary.BigEndian.Uint64(b[13:]),
	}
	if p.offset < int64(p.last) {
		return position{}, fmt.Errorf("the journaled position %x is damaged: its line of %d bytes ends at byte %d", b, p.last, p.offset)
	}
	return p, nil
}
