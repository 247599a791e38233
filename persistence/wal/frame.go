package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A frame is what is in one record of a segment, and in one slot of the witness.
// All integers are big-endian.
//
//	version  1 byte
//	kind     1 byte
//	number   8 bytes
//	durable  8 bytes
//	checksum 4 bytes: CRC-32C over the fields above and the payload
//	payload  the rest
type frame struct {
	kind frameKind
	// number is the batch; in a segment's header the first one of the segment,
	// in a witness the last durable one.
	number uint64
	// durable is the last batch that was durable when the frame was written.
	durable uint64
	payload []byte
}

type frameKind byte

const (
	batchFrame   frameKind = 'b'
	segmentFrame frameKind = 's'
	witnessFrame frameKind = 'w'
)

const (
	formatVersion    = 1
	checksumOffset   = 18
	frameHeaderBytes = checksumOffset + 4
	idBytes          = 8
)

// errChecksum says that bytes are not a frame of this place in this log.
var errChecksum = errors.New("wal: checksum does not match")

// A logID tells the files of one log from those of another.
type logID uint64

func (id logID) bytes() []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(id))
}

// A seed begins the checksums of a segment's batches, so that a record of
// another segment or another log does not pass for one of this.
type seed uint32

func segmentSeed(id logID, first uint64) seed {
	return seed(checksum(0, binary.BigEndian.AppendUint64(id.bytes(), first)))
}

// appendHeader appends all of f but its payload.
func (f frame) appendHeader(dst []byte, s seed) []byte {
	start := len(dst)
	dst = append(dst, formatVersion, byte(f.kind))
	dst = binary.BigEndian.AppendUint64(dst, f.number)
	dst = binary.BigEndian.AppendUint64(dst, f.durable)
	sum := checksum(checksum(uint32(s), dst[start:]), f.payload)
	return binary.BigEndian.AppendUint32(dst, sum)
}

// decodeFrame returns the frame in b, of which the payload is a part. It returns
// errChecksum if b is anything else than a frame written with the same seed, and
// another error if b is of a newer version.
func decodeFrame(b []byte, s seed) (frame, error) {
	if len(b) < frameHeaderBytes {
		return frame{}, errChecksum
	}
	if b[0] != formatVersion {
		return frame{}, fmt.Errorf("wal: format version %d, expected %d", b[0], formatVersion)
	}
	header, payload := b[:checksumOffset], b[frameHeaderBytes:]
	sum := checksum(checksum(uint32(s), header), payload)
	if sum != binary.BigEndian.Uint32(b[checksumOffset:]) {
		return frame{}, errChecksum
	}
	return frame{
		kind:    frameKind(b[1]),
		number:  binary.BigEndian.Uint64(b[2:]),
		durable: binary.BigEndian.Uint64(b[10:]),
		payload: payload,
	}, nil
}

// id returns the log that a segment's header or a witness belongs to.
func (f frame) id() (logID, bool) {
	if len(f.payload) != idBytes {
		return 0, false
	}
	return logID(binary.BigEndian.Uint64(f.payload)), true
}

func checksum(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}
