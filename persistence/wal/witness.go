package wal

import (
	"bytes"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	witnessSlots = 2
	// slotBytes keeps the slots in different pages, so that a torn write of one
	// leaves the other alone.
	slotBytes = 4096
	// slotFrameBytes is what of a slot is used. It is within one sector.
	slotFrameBytes = frameHeaderBytes + idBytes
)

// A witness is a small file with the number of a durable batch: the last one, or
// after a power cut an older one. Its two slots are written in turn.
type witness struct {
	path   string
	file   vfs.File
	id     logID
	number uint64
	// unused says that nothing has been written since the creation.
	unused bool
	slot   int64 // to be written next
	buffer []byte
}

// createWitness creates a durable witness with its first slot only.
func createWitness(d directory, id logID, number uint64) (*witness, error) {
	file, err := d.temporary(d.witnessPath())
	if err != nil {
		return nil, err
	}
	w := &witness{path: d.witnessPath(), file: file, id: id}
	if err := w.create(d, number); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

func (w *witness) create(d directory, number uint64) error {
	if _, err := w.file.WriteAt(make([]byte, witnessSlots*slotBytes), 0); err != nil {
		return err
	}
	if err := w.put(number); err != nil {
		return err
	}
	w.unused = true
	return d.publish(w.file, w.path)
}

// openWitness reads a witness.
func openWitness(d directory) (*witness, error) {
	file, err := d.fs.OpenReadWrite(d.witnessPath(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	w := &witness{path: d.witnessPath(), file: file}
	if err := w.read(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

// readWitness reads a witness that nobody will write to.
func readWitness(d directory) (*witness, error) {
	file, err := d.fs.Open(d.witnessPath())
	if err != nil {
		return nil, err
	}
	w := &witness{path: d.witnessPath(), file: file}
	return w, errors.Join(w.read(), file.Close())
}

func (w *witness) read() error {
	content := make([]byte, witnessSlots*slotBytes)
	if _, err := w.file.ReadAt(content, 0); ignoreEOF(err) != nil {
		return err
	}
	found := false
	for slot := range int64(witnessSlots) {
		f, id, ok := decodeSlot(content[slot*slotBytes:])
		if !ok {
			continue
		}
		if found && id != w.id {
			return damage(w.path, slot*slotBytes, "the slots are of different logs")
		}
		if !found || f.number >= w.number {
			w.number, w.slot = f.number, (slot+1)%witnessSlots
		}
		w.id, found = id, true
	}
	if !found {
		return damage(w.path, 0, "no slot is readable")
	}
	second := content[slotBytes:]
	w.unused = w.slot == 1 && bytes.Equal(second, make([]byte, len(second)))
	return nil
}

func decodeSlot(b []byte) (frame, logID, bool) {
	f, err := decodeFrame(b[:slotFrameBytes], 0 /* seed */)
	if err != nil || f.kind != witnessFrame {
		return frame{}, 0, false
	}
	id, ok := f.id()
	return f, id, ok
}

// put writes the number of a durable batch, without a sync.
func (w *witness) put(number uint64) error {
	f := frame{kind: witnessFrame, number: number, durable: number, payload: w.id.bytes()}
	w.buffer = append(f.appendHeader(w.buffer[:0], 0 /* seed */), f.payload...)
	if _, err := w.file.WriteAt(w.buffer, w.slot*slotBytes); err != nil {
		return err
	}
	w.number, w.unused = number, false
	w.slot = (w.slot + 1) % witnessSlots
	return nil
}

func (w *witness) sync() error { return w.file.SyncData() }

func (w *witness) close() error { return w.file.Close() }

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
