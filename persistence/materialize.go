package persistence

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// materializer belongs to the materialize task: it brings the tables up to date
// with the log. Only sealed, durable batches get there.
type materializer struct {
	due     atomic.Bool // a timer or the log's size asks for a run
	timer   atomic.Pointer[environment.Timer]
	stopped atomic.Bool
	batch   tables.Batch
	// Of log payload since the journal was opened: what the tables show, and
	// what they would show after a crash.
	applied int64
	flushed atomic.Int64
}

var markerKey = MetaKey("marker")

func (m *materializer) arm(j *Journal) {
	if m.stopped.Load() {
		return
	}
	t := j.opts.Environment.Clock.AfterFunc(j.opts.MaterializeEvery, func() {
		m.due.Store(true)
		j.materializeTask.Wake()
		m.arm(j)
	})
	m.timer.Store(&t)
}

func (m *materializer) disarm() {
	m.stopped.Store(true)
	if t := m.timer.Load(); t != nil {
		(*t).Stop()
	}
}

// consider asks for a run if enough has come together. The committer calls it.
func (m *materializer) consider(j *Journal) {
	j.overlay.mu.RLock()
	bytes, upTo := j.overlay.active.bytes, j.overlay.active.upTo
	j.overlay.mu.RUnlock()
	full := upTo-m.flushed.Load() >= j.opts.LogBytes
	if full {
		j.logFull.Store(true)
	}
	if bytes >= j.opts.MaterializeBytes || full {
		m.due.Store(true)
		j.materializeTask.Wake()
	}
}

func (j *Journal) materializeStep() bool {
	if j.stopped.Load() != nil || !j.materializer.due.Swap(false) {
		return false
	}
	if err := j.materialize(false); err != nil {
		j.stop(err)
	}
	return false
}

// materialize writes the durable batches since the last run into the tables, as
// one batch with the marker, and drops the log that the tables replace.
func (j *Journal) materialize(final bool) error {
	if g := j.freeze(); g != nil {
		clock := j.opts.Environment.Clock
		started := clock.Now()
		b := &j.materializer.batch
		if err := j.fill(b, g); err != nil {
			return err
		}
		if err := j.tables.Apply(b); err != nil {
			return err
		}
		b.Reset()
		j.overlay.thaw()
		j.materializer.applied = g.upTo
		j.metrics.materializations.Add(1)
		j.metrics.materializeNanos.Store(int64(clock.Now().Sub(started)))
	}
	if m := &j.materializer; final || j.logFull.Load() || m.applied-m.flushed.Load() >= j.opts.LogBytes/2 {
		return j.truncate()
	}
	return nil
}

// freeze takes the active generation, nil if there is nothing new.
func (j *Journal) freeze() *generation {
	j.overlay.mu.Lock()
	defer j.overlay.mu.Unlock()
	if j.overlay.active.bytes == 0 {
		return nil
	}
	return j.overlay.freeze()
}

func (j *Journal) fill(b *tables.Batch, g *generation) error {
	gone, err := j.fillWindows(b)
	if err != nil {
		return err
	}
	for _, c := range j.inboxes.done(g.last) {
		b.Delete(c.key)
		gone = append(gone, c.address)
	}
	j.fillRecords(b, g)
	if err := j.dropEmpty(b, g, gone); err != nil {
		return err
	}
	g.rows.Scan(func(r Row) bool {
		if r.Delete {
			b.Delete(r.Key)
		} else {
			b.Set(r.Key, r.Value)
		}
		return true
	})
	for _, c := range g.clears {
		b.Clear(c.Low, c.High)
	}
	b.Set(markerKey, marker{g.last, j.opts.Highest(), j.egressSequence.Load()}.encode())
	return nil
}

// fillWindows makes each address's window what is held for it. That may be
// ahead of the generation, by messages and by their consumption, which the log
// has both. It returns the record keys of the windows that went.
func (j *Journal) fillWindows(b *tables.Batch) (gone []string, err error) {
	in := &j.inboxes
	for _, a := range j.unadopted() {
		if err := j.adopt(NewRecord(a, j.Group(a.ID))); err != nil {
			return nil, err
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	keep := map[string]bool{}
	for a, messages := range in.held(j.Durable()) {
		r := NewRecord(a, j.Group(a.ID))
		keep[r.key] = true
		// A window that nobody adopted has got company since: next time.
		if w := in.windows[r.key]; w == nil || w.adopted {
			in.fillWindow(b, r, sorted(messages))
		}
	}
	for key, w := range in.windows {
		if !w.adopted || keep[key] {
			continue
		}
		kg, a, _, err := cutAddressKey([]byte(key))
		if err != nil {
			return nil, err
		}
		b.Delete(windowKey(kg, a))
		delete(in.windows, key)
		gone = append(gone, key)
	}
	slices.Sort(gone)
	return gone, nil
}

func (in *inboxes) fillWindow(b *tables.Batch, r *Record, messages []*Message) {
	now := window{messages[0].Sequence, messages[len(messages)-1].Sequence, len(messages), true}
	if w := in.windows[r.key]; w != nil && *w == now {
		return
	}
	in.windows[r.key] = &now
	b.Set(windowKey(r.Group, r.Address), encodeChunk(messages))
}

func sorted(messages []*Message) []*Message {
	slices.SortFunc(messages, func(x, y *Message) int { return cmp.Compare(x.Sequence, y.Sequence) })
	return messages
}

// fillRecords writes the records in the order of their keys. An empty one goes,
// unless its consumed-to is still needed to tell what its chunks mean.
func (j *Journal) fillRecords(b *tables.Batch, g *generation) {
	for i := range g.records.sorted() {
		k, v := g.records.key(i), g.records.value(i)
		if isEmptyRecord(v) && !j.inboxes.inTables(string(k)) {
			b.Delete(k)
		} else {
			b.Set(k, v)
		}
	}
}

// dropEmpty removes records that were kept for their messages only.
func (j *Journal) dropEmpty(b *tables.Batch, g *generation, gone []string) error {
	for _, key := range gone {
		if g.records.find(key) >= 0 || j.inboxes.inTables(key) {
			continue
		}
		v, ok, err := j.tables.Get([]byte(key), nil)
		if err != nil {
			return err
		}
		if ok && isEmptyRecord(v) {
			b.Delete([]byte(key))
		}
	}
	return nil
}

// marker says what the tables hold, and which numbers were given out by then.
type marker struct {
	batch   BatchNumber
	highest Sequence // of messages and the like
	egress  uint64   // highest sequence of an egress record
}

const markerVersion = 1

var errMarker = errors.New("persistence: malformed marker in the tables")

func (m marker) encode() []byte {
	v := binary.BigEndian.AppendUint64([]byte{markerVersion}, uint64(m.batch))
	v = binary.BigEndian.AppendUint64(v, uint64(m.highest))
	return binary.BigEndian.AppendUint64(v, m.egress)
}

func decodeMarker(v []byte) (marker, error) {
	d := decoder{b: v}
	if err := d.version(markerVersion, errMarker); err != nil {
		return marker{}, err
	}
	if len(d.b) != 3*8 {
		return marker{}, fmt.Errorf("%w: %x", errMarker, v)
	}
	return marker{
		batch:   BatchNumber(binary.BigEndian.Uint64(d.b)),
		highest: Sequence(binary.BigEndian.Uint64(d.b[8:])),
		egress:  binary.BigEndian.Uint64(d.b[16:]),
	}, nil
}

// truncate flushes the tables and drops the segments that they replace.
func (j *Journal) truncate() error {
	if err := j.tables.Flush(); err != nil {
		return err
	}
	v, ok, err := j.tables.Flushed(markerKey)
	if err != nil {
		return err
	}
	if ok {
		m, err := decodeMarker(v)
		if err != nil {
			return err
		}
		if err := j.log.Drop(uint64(m.batch)); err != nil {
			return err
		}
	}
	j.materializer.flushed.Store(j.materializer.applied)
	j.logFull.Store(false) // the next batch looks again
	j.signalRoom()
	return nil
}
