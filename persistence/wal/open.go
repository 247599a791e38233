package wal

import (
	"errors"
	"fmt"
	"math"
)

// Create begins an empty log whose first batch will be after+1: in a new data
// directory, or where tables that hold everything up to after were restored. The
// directory must not hold a log, but a Create that was cut short may be repeated.
func Create(opts Options, after uint64) (*Log, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	l, err := createOrResume(opts, after)
	if err != nil {
		return nil, fmt.Errorf("wal: create %s: %w", opts.Dir, err)
	}
	return l, nil
}

func createOrResume(opts Options, after uint64) (*Log, error) {
	files, err := opts.directory().list()
	if err != nil {
		return nil, err
	}
	if len(files.segments) > 0 {
		return nil, errors.New("there is a log already")
	}
	if files.witness {
		return open(opts, after, nil /* apply */)
	}
	return create(opts, after)
}

// Open reads the log, calls apply for each batch above after, in order, and
// positions for appending. Batches up to after are skipped but must be intact.
// An absent or empty directory becomes an empty log if after is 0.
//
// The payload is valid until apply returns. An error of apply's ends Open, which
// returns it wrapped. When Open fails, apply may have been called for some
// batches.
//
// Returns a DamageError if a durable batch is missing or unreadable.
func Open(opts Options, after uint64, apply func(batch uint64, payload []byte) error) (*Log, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	l, err := open(opts, after, apply)
	if err != nil {
		return nil, fmt.Errorf("wal: open %s: %w", opts.Dir, err)
	}
	return l, nil
}

func open(opts Options, after uint64, apply func(uint64, []byte) error) (*Log, error) {
	dir := opts.directory()
	files, err := dir.list()
	if err != nil {
		return nil, err
	}
	if files.empty() && after == 0 {
		if err := opts.Ready(); err != nil {
			return nil, err
		}
		return create(opts, 0 /* after */)
	}
	if !files.witness {
		return nil, dir.witnessMissing(after)
	}
	w, err := openWitness(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{opts: opts, dir: dir, id: w.id, witness: w, older: files.segments}
	if err := l.recover(after, apply); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	return l, nil
}

// create makes the witness first, so that a segment without one is damage.
func create(opts Options, after uint64) (*Log, error) {
	dir := opts.directory()
	if err := dir.make(); err != nil {
		return nil, err
	}
	w, err := createWitness(dir, opts.newID(), after)
	if err != nil {
		return nil, err
	}
	l := &Log{opts: opts, dir: dir, id: w.id, witness: w}
	if err := l.begin(nil, after, after); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	return l, nil
}

func (l *Log) recover(after uint64, apply func(uint64, []byte) error) error {
	if len(l.older) == 0 {
		if err := l.checkCreate(after); err != nil {
			return err
		}
		if err := l.opts.Ready(); err != nil {
			return err
		}
		return l.begin(nil, after, after)
	}
	r := &recovery{Log: l, apply: apply, after: after, promised: max(after, l.witness.number)}
	if err := r.read(); err != nil {
		return err
	}
	if err := l.opts.Ready(); err != nil {
		return err
	}
	newest := &l.older[len(l.older)-1]
	return l.begin(newest, r.promised, r.end)
}

// checkCreate tells a create that was cut short from a log whose segments are lost.
func (l *Log) checkCreate(after uint64) error {
	if !l.witness.unused || l.witness.number != after {
		return damage(l.dir.path, 0, "all segments are missing, expected batch %d", l.witness.number)
	}
	return nil
}

// begin starts a segment for the batches above durable. It copies those up to
// end from the newest segment; see "Continuing" in the package comment.
func (l *Log) begin(newest *segment, durable, end uint64) error {
	if err := l.dir.removeTemporaries(); err != nil {
		return err
	}
	w, err := l.create(durable + 1)
	if err != nil {
		return err
	}
	if err := l.adopt(w, newest, durable, end); err != nil {
		return errors.Join(err, w.close())
	}
	if err := l.witness.put(end); err != nil {
		return err
	}
	return l.witness.sync()
}

func (l *Log) adopt(w *segmentWriter, newest *segment, durable, end uint64) error {
	if durable < end {
		if err := copyBatches(w, l.dir, *newest, durable, end); err != nil {
			return err
		}
	}
	if err := w.publish(); err != nil {
		return err
	}
	if newest != nil && newest.first == durable+1 {
		l.older = l.older[:len(l.older)-1] // replaced by its copy
	}
	l.durable = end
	l.last.Store(end)
	return l.succeed(w, durable+1)
}

// copyBatches copies the batches in (durable, end].
func copyBatches(w *segmentWriter, d directory, from segment, durable, end uint64) error {
	r, err := openSegment(d.fs, from)
	if err != nil {
		return err
	}
	defer r.close()
	for number := from.first; number <= end; number++ {
		f, err := r.next()
		if err != nil {
			return err
		}
		if number <= durable {
			continue
		}
		if err := w.append(f); err != nil {
			return err
		}
	}
	return nil
}

// A recovery is the reading of an existing log.
type recovery struct {
	*Log
	apply func(batch uint64, payload []byte) error
	after uint64

	end      uint64 // last batch read
	promised uint64 // last batch that is known to have been durable

	done, total int64
}

func (r *recovery) read() error {
	segments := r.older
	if first := segments[0].first; first > r.after+1 {
		return &DamageError{File: r.dir.path, late: true, Reason: fmt.Sprintf(
			"the log begins at batch %d, expected batch %d: the segment that holds it is missing", first, r.after+1)}
	}
	for _, s := range segments {
		r.total += s.size
	}
	r.end = segments[0].first - 1
	for i, s := range segments {
		limit := uint64(math.MaxUint64)
		if i+1 < len(segments) {
			limit = segments[i+1].first - 1
		}
		if err := r.readSegment(s, limit); err != nil {
			return err
		}
		r.done += s.size
		r.opts.OnProgress(r.done, r.total)
	}
	return nil
}

// readSegment reads the batches of a segment up to limit. Only the last segment
// has none.
func (r *recovery) readSegment(s segment, limit uint64) error {
	sr, err := openSegment(r.opts.FS, s)
	if err != nil {
		return err
	}
	defer sr.close()
	if sr.id != r.id {
		return damage(s.path, 0, "the segment is of another log than the witness")
	}
	r.promised = max(r.promised, s.first-1)
	for r.end < limit {
		offset := sr.records.offset()
		f, err := sr.next()
		if errors.Is(err, errNoRecord) {
			return r.breakOff(sr, offset, limit)
		} else if err != nil {
			return err
		}
		if err := r.batch(sr, offset, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) batch(sr *segmentReader, offset int64, f frame) error {
	if f.number != r.end+1 {
		return damage(sr.path, offset, "found batch %d, expected batch %d", f.number, r.end+1)
	}
	r.end = f.number
	r.promised = max(r.promised, f.durable)
	r.opts.OnProgress(r.done+sr.records.offset(), r.total)
	if f.number <= r.after {
		return nil
	}
	if err := r.apply(f.number, f.payload); err != nil {
		return fmt.Errorf("apply batch %d: %w", f.number, err)
	}
	return nil
}

// breakOff decides whether a segment may end where it does.
func (r *recovery) breakOff(sr *segmentReader, offset int64, limit uint64) error {
	if limit != math.MaxUint64 {
		return damage(sr.path, offset, "batch %d is not readable, expected batches up to %d; or the segment %s is missing",
			r.end+1, limit, segmentName(r.end+1))
	}
	behind, err := sr.promise()
	if err != nil {
		return err
	}
	r.promised = max(r.promised, behind)
	if r.end < r.promised {
		return damage(sr.path, offset, "batch %d is not readable, batch %d was durable; or the segment %s is missing",
			r.end+1, r.promised, segmentName(r.end+1))
	}
	return nil
}
