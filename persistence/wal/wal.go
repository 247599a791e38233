package wal

import (
	"cmp"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// MaxPayloadBytes is the size of the largest batch.
const MaxPayloadBytes = 1 << 30

var errClosed = errors.New("wal: closed")

// Options configures a Log.
type Options struct {
	// FS is where the log's directory is. Required.
	FS vfs.FS
	// Dir is the log's directory, for nothing else. Required. It is created if
	// absent; its parent directory must be durable.
	Dir string
	// SegmentBytes is the size at which a segment is followed by a new one; the
	// last record may exceed it. Defaults to 16 MiB.
	SegmentBytes int64
	// OnProgress is told while Open reads how many bytes it is through with. May
	// be nil.
	OnProgress func(done, total int64)
	// Ready is called once Open has read the log, before it changes anything: an
	// error ends it. May be nil.
	Ready func() error
	// Random draws the identity of a new log. Defaults to the system's source.
	Random rand.Source
}

func (o *Options) validate() error {
	switch {
	case o.FS == nil:
		return errors.New("wal: Options.FS is not set")
	case o.Dir == "":
		return errors.New("wal: Options.Dir is not set")
	case o.SegmentBytes < 0:
		return fmt.Errorf("wal: Options.SegmentBytes is %d, expected a size", o.SegmentBytes)
	}
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 16<<20)
	if o.OnProgress == nil {
		o.OnProgress = func(int64, int64) {}
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	return nil
}

func (o *Options) directory() directory { return directory{fs: o.FS, path: o.Dir} }

func (o *Options) newID() logID {
	if o.Random != nil {
		return logID(o.Random.Uint64())
	}
	var b [idBytes]byte
	_, _ = crand.Read(b[:]) // never fails
	return logID(binary.BigEndian.Uint64(b[:]))
}

// A Log is the durable sequence of a journal's batches.
//
// Append, Sync and Close belong to one goroutine. Last, Size and Drop may be
// called from anywhere, at any time.
type Log struct {
	opts Options
	dir  directory
	id   logID

	// Of the appending goroutine.
	current *segmentWriter
	witness *witness
	durable uint64

	last        atomic.Uint64
	currentSize atomic.Int64
	stopped     atomic.Pointer[error] // why nothing works any more

	mu    sync.Mutex
	first uint64    // of the current segment; under mu
	older []segment // all but the current one, by number; under mu

	dropping sync.Mutex // held while files are removed, before mu
}

// Last returns the number of the last appended batch; it may not be durable yet.
func (l *Log) Last() uint64 { return l.last.Load() }

// Size returns how many bytes the log's segments have.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := l.currentSize.Load()
	for _, s := range l.older {
		size += s.size
	}
	return size
}

// Append writes a batch, which must be the one after Last. It is durable after
// the next Sync, not before, but a crash may keep it nevertheless. The caller
// keeps the payload.
//
// An I/O error of Append or Sync is final: the log refuses everything afterwards
// with an error that wraps the first one.
func (l *Log) Append(batch uint64, payload []byte) error {
	if err := l.refusal(); err != nil {
		return err
	}
	if expected := l.Last() + 1; batch != expected {
		return fmt.Errorf("wal: append batch %d: expected batch %d", batch, expected)
	}
	if len(payload) > MaxPayloadBytes {
		return fmt.Errorf("wal: append batch %d: %d bytes, at most %d", batch, len(payload), MaxPayloadBytes)
	}
	if err := l.append(batch, payload); err != nil {
		return l.stop(fmt.Errorf("wal: append batch %d: %w", batch, err))
	}
	return nil
}

func (l *Log) append(batch uint64, payload []byte) error {
	if l.current.size() >= l.opts.SegmentBytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	f := frame{kind: batchFrame, number: batch, durable: l.durable, payload: payload}
	if err := l.current.append(f); err != nil {
		return err
	}
	l.last.Store(batch)
	l.currentSize.Store(l.current.size())
	return nil
}

// Sync makes all appended batches durable.
func (l *Log) Sync() error {
	if err := l.refusal(); err != nil {
		return err
	}
	if err := l.sync(); err != nil {
		return l.stop(fmt.Errorf("wal: sync batch %d: %w", l.Last(), err))
	}
	return nil
}

func (l *Log) sync() error {
	last := l.Last()
	if last == l.durable {
		return nil
	}
	if err := l.current.sync(); err != nil {
		return err
	}
	l.durable = last
	return l.witness.put(last)
}

// rotate follows the current segment, once it is durable, with a new one. The
// witness is made durable on the way, so that it is at most a segment behind.
func (l *Log) rotate() error {
	if err := l.sync(); err != nil {
		return err
	}
	if err := l.witness.sync(); err != nil {
		return err
	}
	next, err := l.create(l.Last() + 1)
	if err != nil {
		return err
	}
	if err := next.publish(); err != nil {
		return errors.Join(err, next.close())
	}
	return l.succeed(next, l.Last()+1)
}

func (l *Log) create(first uint64) (*segmentWriter, error) {
	return createSegment(l.dir, l.id, first, min(zeroStepBytes, l.opts.SegmentBytes))
}

// succeed makes a published segment the current one.
func (l *Log) succeed(next *segmentWriter, first uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	previous := l.current
	if previous != nil {
		l.older = append(l.older, segment{first: l.first, size: previous.size(), path: previous.path})
	}
	l.current, l.first = next, first
	l.currentSize.Store(next.size())
	if previous == nil {
		return nil
	}
	return previous.close()
}

// Drop removes the segments that have no batch above upTo, but never the current
// one. What it removes must be durable elsewhere. After an error it can be called
// again.
//
// The oldest goes first, and durably so before the next: after a crash the
// segments that are left have no gap.
func (l *Log) Drop(upTo uint64) error {
	l.dropping.Lock()
	defer l.dropping.Unlock()
	for {
		if err := l.refusal(); err != nil {
			return err
		}
		s, ok := l.oldest(upTo)
		if !ok {
			return nil
		}
		if err := l.removeSegment(s); err != nil {
			return fmt.Errorf("wal: drop segment of batch %d: %w", s.first, err)
		}
	}
}

// oldest returns the oldest segment if it ends at or below upTo.
func (l *Log) oldest(upTo uint64) (segment, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.older) == 0 {
		return segment{}, false
	}
	end := l.first - 1
	if len(l.older) > 1 {
		end = l.older[1].first - 1
	}
	return l.older[0], end <= upTo
}

func (l *Log) removeSegment(s segment) error {
	if err := l.dir.remove(s.path); err != nil {
		return err
	}
	if err := l.dir.sync(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.older = slices.Delete(l.older, 0, 1)
	return nil
}

// Close makes all appended batches durable and closes the files. If the log has
// stopped before, Close returns the reason. It may be called twice.
func (l *Log) Close() error {
	l.dropping.Lock()
	defer l.dropping.Unlock()
	err := l.refusal()
	if errors.Is(err, errClosed) {
		return nil
	}
	if err == nil {
		err = l.finish()
	}
	closed := errClosed
	l.stopped.Store(&closed)
	return errors.Join(err, l.closeFiles())
}

func (l *Log) finish() error {
	if err := l.sync(); err != nil {
		return fmt.Errorf("wal: close: %w", err)
	}
	if err := l.witness.sync(); err != nil {
		return fmt.Errorf("wal: close: %w", err)
	}
	return nil
}

func (l *Log) closeFiles() error {
	var err error
	if l.current != nil {
		err = l.current.close()
	}
	return errors.Join(err, l.witness.close())
}

// stop makes err the reason to refuse everything from now on.
func (l *Log) stop(err error) error {
	l.stopped.CompareAndSwap(nil, &err)
	return err
}

func (l *Log) refusal() error {
	reason := l.stopped.Load()
	if reason == nil {
		return nil
	}
	if errors.Is(*reason, errClosed) {
		return errClosed
	}
	return fmt.Errorf("wal: the log has stopped: %w", *reason)
}
