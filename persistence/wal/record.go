package wal

import (
	"encoding/binary"
	"errors"
	"io"
)

// Pebble's record format: blocks of 32 KiB hold chunks that do not cross them. A
// chunk is a checksum (4 bytes), a length (2 bytes), both little-endian, a type
// and the payload. Bytes too few for a chunk's header end a block.
const (
	blockBytes       = 32 << 10
	chunkHeaderBytes = 7
)

type chunkType byte

const (
	fullChunk   chunkType = 1
	firstChunk  chunkType = 2
	middleChunk chunkType = 3
	lastChunk   chunkType = 4
)

func (t chunkType) begins() bool { return t == fullChunk || t == firstChunk }
func (t chunkType) ends() bool   { return t == fullChunk || t == lastChunk }

// errNoRecord says that there is no intact record at an offset: the file ends
// there, or nothing was written there, or what was is torn or damaged.
var errNoRecord = errors.New("wal: no intact record")

// A recordReader reads the records that a record.Writer of Pebble's has written.
//
// Pebble's own reader is not used because of what it does where records break
// off: it passes over chunks whose record has no beginning, tries all flips of
// one bit in a chunk (most of a second for a full one), reads the rest of the
// file and cannot go on behind the break.
type recordReader struct {
	file   io.ReaderAt
	buffer []byte // of one block
	record []byte

	block int64 // offset of the block in buffer, negative before the first
	n     int   // how many bytes of buffer are of the file
	next  int   // of the next chunk in buffer
}

func newRecordReader(file io.ReaderAt) *recordReader {
	return &recordReader{file: file, buffer: make([]byte, blockBytes), block: -blockBytes}
}

// ScanRecords reads a file in Pebble's record format. It returns how many records
// are intact from the beginning on, where they break off, and whether there are
// intact ones behind the break: a torn write leaves none, damage does.
func ScanRecords(file io.ReaderAt) (records int, end int64, more bool, err error) {
	r := newRecordReader(file)
	for ; err == nil; records++ {
		end = r.offset()
		_, err = r.read()
	}
	records--
	if !errors.Is(err, errNoRecord) {
		return records, end, false, err
	}
	for err = r.resync(); err == nil; err = r.resync() {
		if _, err := r.read(); err == nil {
			return records, end, true, nil
		}
	}
	return records, end, false, ignoreEOF(err)
}

// offset is where the next chunk should be.
func (r *recordReader) offset() int64 {
	return max(0, r.block+int64(r.next))
}

// read returns the next record, which is valid until the next call. It returns
// errNoRecord, or the file's error, and then stands at the chunk that it could
// not use. The record takes no more memory than the file has bytes for it.
func (r *recordReader) read() ([]byte, error) {
	r.record = r.record[:0]
	for begun := false; ; begun = true {
		kind, payload, err := r.peek()
		if err != nil {
			return nil, err
		}
		if kind.begins() == begun {
			return nil, errNoRecord
		}
		r.skip(payload)
		r.record = append(r.record, payload...)
		if kind.ends() {
			return r.record, nil
		}
	}
}

// resync moves to the next intact chunk that begins a record, at or behind the
// place where read has failed. It returns io.EOF if there is none.
//
// Within the broken block nothing tells where chunks begin, so every byte is
// tried; a checksum is computed only where a type and a length make sense.
func (r *recordReader) resync() error {
	for {
		for r.n-r.next >= chunkHeaderBytes {
			kind, payload, err := r.peek()
			switch {
			case err != nil:
				r.next++
			case kind.begins():
				return nil
			default:
				r.skip(payload)
			}
		}
		if err := r.load(); err != nil {
			return err
		}
	}
}

// peek returns the next chunk without moving past it.
func (r *recordReader) peek() (chunkType, []byte, error) {
	for r.n-r.next < chunkHeaderBytes {
		if err := r.load(); errors.Is(err, io.EOF) {
			return 0, nil, errNoRecord
		} else if err != nil {
			return 0, nil, err
		}
	}
	chunk := r.buffer[r.next:r.n]
	end := chunkHeaderBytes + int(binary.LittleEndian.Uint16(chunk[4:]))
	kind := chunkType(chunk[6])
	if kind < fullChunk || kind > lastChunk || end > len(chunk) {
		return 0, nil, errNoRecord
	}
	if chunkChecksum(chunk[6:end]) != binary.LittleEndian.Uint32(chunk) {
		return 0, nil, errNoRecord
	}
	return kind, chunk[chunkHeaderBytes:end], nil
}

// skip moves past the chunk that peek returned.
func (r *recordReader) skip(payload []byte) {
	r.next += chunkHeaderBytes + len(payload)
}

// load reads the next block. It returns io.EOF, and stays where it is, if this
// one is the last.
func (r *recordReader) load() error {
	if r.block >= 0 && r.n < blockBytes {
		return io.EOF
	}
	n, err := r.file.ReadAt(r.buffer, r.block+blockBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n == 0 {
		return io.EOF
	}
	r.block, r.n, r.next = r.block+blockBytes, n, 0
	return nil
}

// chunkChecksum is the masked CRC-32C of LevelDB.
func chunkChecksum(b []byte) uint32 {
	sum := checksum(0, b)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
