package file

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/jsonview"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Options configure an egress.
type Options struct {
	// Environment has the file system. Required.
	Environment *environment.Environment
	// Path of the file. It and its directory are created if they do not exist,
	// for the owner only. Required.
	Path string
	// Types are those whose values are shown as JSON, besides the built-in types
	// and JSON objects and arrays of any type.
	Types []jsonview.Type
}

// Egress appends records to a file. It is an actors.Sink: its methods are
// called one at a time.
type Egress struct {
	opts  Options
	types *jsonview.Types
	file  handle
	end   position // of what is safe and acknowledged, or about to be
	// unclaimed says that the file has content, but the journal no position.
	unclaimed bool
	lines     []byte // reused
}

var _ actors.Sink = (*Egress)(nil)

// handle is an open file.
type handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// maxWrite is about how much is written at a time.
const maxWrite = 1 << 20

// New makes an egress; Open touches the file first.
func New(o Options) *Egress {
	return &Egress{opts: o, types: jsonview.New(o.Types...)}
}

// Open brings the file back to the position, nil if there never was one. It
// returns an error, and leaves the file as it is, if that is not the file that
// was written.
func (e *Egress) Open(journaled []byte) error {
	if err := e.open(journaled); err != nil {
		return errors.Join(fmt.Errorf("file: %w", err), e.Close())
	}
	return nil
}

func (e *Egress) open(journaled []byte) error {
	var err error
	if e.end, err = decodePosition(journaled); err != nil {
		return err
	}
	size, err := e.openFile()
	if err != nil {
		return err
	}
	if journaled == nil {
		e.unclaimed = size > 0
		return nil
	}
	if err := e.verify(size); err != nil {
		return err
	}
	return e.cut(size)
}

// verify checks that the file is the one that the position was made of.
func (e *Egress) verify(size int64) error {
	if size < e.end.offset {
		return fmt.Errorf("%s has %d bytes, but %d were written and acknowledged: the file was cut off or replaced", e.opts.Path, size, e.end.offset)
	}
	line := make([]byte, e.end.last)
	tail := io.NewSectionReader(e.file, e.end.offset-int64(e.end.last), int64(e.end.last))
	if _, err := io.ReadFull(tail, line); err != nil {
		return fmt.Errorf("read the last line of %s: %w", e.opts.Path, err)
	}
	if e.end.last > 0 && checksum(line) != e.end.check {
		return fmt.Errorf("%s does not have the line that was written before byte %d: the file was changed or replaced", e.opts.Path, e.end.offset)
	}
	return nil
}

// Deliver implements actors.Sink: the records are in the file, synced, when it
// returns.
func (e *Egress) Deliver(ctx context.Context, records []persistence.EgressRecord) ([]byte, error) {
	end, err := e.write(ctx, records)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	e.end = end
	return end.encode(), nil
}

// write returns the position behind the records. What it wrote counts only once
// the caller keeps that: after an error the next write begins at the same place.
func (e *Egress) write(ctx context.Context, records []persistence.EgressRecord) (position, error) {
	end := e.end
	e.lines = e.lines[:0]
	written := end.offset
	for i := range records {
		begin := len(e.lines)
		e.lines = appendLine(e.lines, &records[i], e.types)
		line := e.lines[begin:]
		if err := e.claim(line); err != nil {
			return end, err
		}
		end.advance(line)
		if len(e.lines) < maxWrite && i < len(records)-1 {
			continue
		}
		if err := e.flush(ctx, written); err != nil {
			return end, err
		}
		written = end.offset
	}
	return end, e.file.Sync()
}

func (e *Egress) flush(ctx context.Context, at int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := e.file.WriteAt(e.lines, at)
	e.lines = e.lines[:0]
	if cap(e.lines) > 4*maxWrite {
		e.lines = nil // one large record is no reason to keep its memory
	}
	return err
}

// claim is called with the first line before it is written: what is in the file
// already must be the beginning of it, or begin with it.
func (e *Egress) claim(line []byte) error {
	if !e.unclaimed {
		return nil
	}
	found := make([]byte, len(line))
	n, err := e.file.ReadAt(found, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !isTorn(found[:n], line) {
		return fmt.Errorf("%s has content that this application did not write: move it away, or choose another path", e.opts.Path)
	}
	if err := e.shorten(0); err != nil {
		return err
	}
	e.unclaimed = false
	return nil
}

// isTorn reports whether found is the line or what a crash can leave of it: a
// prefix, with zeros where the disk was not written.
func isTorn(found, line []byte) bool {
	for i, b := range found {
		if b != line[i] && b != 0 {
			return false
		}
	}
	return true
}

// Close implements actors.Sink. It may be called twice, and before Open.
func (e *Egress) Close() error {
	if e.file == nil {
		return nil
	}
	err := e.file.Close()
	e.file = nil
	return err
}
