package wal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// zeroStepBytes is how much of a segment is filled with zeros at a time, ahead
// of the records. A sync that finds the file as long as before and its blocks in
// use writes data only and leaves the file system's own journal alone: on ext4
// that takes 30 to 40 percent off records of up to 64 KiB. (fallocate does not:
// its blocks count as unused until they are written.) The price is that these
// bytes are written twice, so records that are about as large go without.
const zeroStepBytes = 256 << 10

// A segmentWriter appends to the newest segment.
type segmentWriter struct {
	dir     directory
	path    string
	file    vfs.File
	records *record.Writer
	seed    seed
	header  []byte // reused

	zeros  []byte
	zeroed int64 // where the file ends
}

// createSegment creates a segment that has no name yet.
func createSegment(d directory, id logID, first uint64, zeroStep int64) (*segmentWriter, error) {
	w := &segmentWriter{
		dir:   d,
		path:  d.segmentPath(first),
		seed:  segmentSeed(id, first),
		zeros: make([]byte, zeroStep),
	}
	var err error
	if w.file, err = d.temporary(w.path); err != nil {
		return nil, err
	}
	w.records = record.NewWriter(w.file)
	header := frame{kind: segmentFrame, number: first, durable: first - 1, payload: id.bytes()}
	if err := w.write(header, 0 /* seed */); err != nil {
		return nil, errors.Join(err, w.file.Close())
	}
	return w, nil
}

// publish makes all that was appended durable, and then the segment's name.
func (w *segmentWriter) publish() error { return w.dir.publish(w.file, w.path) }

func (w *segmentWriter) append(f frame) error { return w.write(f, w.seed) }

func (w *segmentWriter) sync() error { return w.file.SyncData() }

func (w *segmentWriter) close() error { return w.file.Close() }

// size is how many bytes of records there are.
func (w *segmentWriter) size() int64 { return w.records.Size() }

func (w *segmentWriter) write(f frame, s seed) error {
	if err := w.fill(frameHeaderBytes + int64(len(f.payload))); err != nil {
		return err
	}
	rec, err := w.records.Next()
	if err != nil {
		return err
	}
	w.header = f.appendHeader(w.header[:0], s)
	if _, err := rec.Write(w.header); err != nil {
		return err
	}
	if _, err := rec.Write(f.payload); err != nil {
		return err
	}
	return w.records.Flush()
}

// fill writes zeros where a record of n bytes will be. Zeros are no record.
func (w *segmentWriter) fill(n int64) error {
	const chunksOfSmall = 1 + zeroStepBytes/blockBytes
	step := int64(len(w.zeros))
	end := w.size() + n + chunksOfSmall*2*chunkHeaderBytes
	if n > step/2 || end <= w.zeroed {
		return nil
	}
	from := max(w.zeroed, w.size())
	if _, err := w.file.WriteAt(w.zeros, from); err != nil {
		return err
	}
	w.zeroed = from + step
	return nil
}

// A segmentReader reads one segment from its beginning.
type segmentReader struct {
	segment
	file    vfs.File
	records *recordReader
	id      logID
	seed    seed
}

// openSegment reads the header of a segment.
func openSegment(fs vfs.FS, s segment) (*segmentReader, error) {
	file, err := fs.Open(s.path, vfs.SequentialReadsOption)
	if err != nil {
		return nil, err
	}
	r := &segmentReader{segment: s, file: file, records: newRecordReader(file)}
	if err := r.readHeader(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

func (r *segmentReader) readHeader() error {
	f, err := r.decode(segmentFrame, 0 /* seed */)
	if errors.Is(err, errNoRecord) {
		return damage(r.path, 0, "the segment's header is not readable")
	} else if err != nil {
		return err
	}
	if f.number != r.first {
		return damage(r.path, 0, "the segment begins at batch %d, not where its name says", f.number)
	}
	r.id, _ = f.id()
	r.seed = segmentSeed(r.id, r.first)
	return nil
}

// next returns the next batch, or errNoRecord. Its payload is valid until the
// next call.
func (r *segmentReader) next() (frame, error) { return r.decode(batchFrame, r.seed) }

func (r *segmentReader) decode(kind frameKind, s seed) (frame, error) {
	offset := r.records.offset()
	b, err := r.records.read()
	if err != nil {
		return frame{}, err
	}
	f, err := decodeFrame(b, s)
	if errors.Is(err, errChecksum) || err == nil && f.kind != kind {
		return frame{}, errNoRecord
	} else if err != nil {
		return frame{}, fmt.Errorf("%s at offset %d: %w", r.path, offset, err)
	}
	return f, nil
}

// promise returns the highest batch that records behind a break say is durable.
func (r *segmentReader) promise() (durable uint64, err error) {
	for err = r.records.resync(); err == nil; err = r.records.resync() {
		for {
			f, err := r.next()
			if errors.Is(err, errNoRecord) {
				break
			} else if err != nil {
				return 0, err
			}
			durable = max(durable, f.durable)
		}
	}
	return durable, ignoreEOF(err)
}

func (r *segmentReader) close() error { return r.file.Close() }
