package persistence

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// materializer belongs to the materialize task: it brings the tables up to date
// with the log. Only sealed, durable batches get there.
type materializer struct {
	due     atomic.Bool // a timer or the log's size asks for a run
	timer   atomic.Pointer[environment.Timer]
	stopped atomic.Bool
	prodded time.Time // the last run although compactions were behind
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
		j.beginCompactions()
		m.due.Store(true)
		j.materializeTask.Wake()
		m.arm(j)
	})
	m.timer.Store(&t)
}

// beginCompactions lets the tables compact what the last run has left: not before the
// first messages are handled.
func (j *Journal) beginCompactions() {
	if t, ok := j.tables.(interface{ BeginCompactions() }); ok {
		t.BeginCompactions()
	}
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
	// What the start has found waits for the timer, as long as the log has room: the
	// first messages are not to wait for a materialization.
	g := j.overlay.active
	bytes, upTo := g.bytes-g.foundBytes, g.upTo
	large := g.weight()-g.foundWeight >= j.opts.OverlayBytes
	late := large && j.overlay.frozen != nil
	j.overlay.mu.RUnlock()
	full := upTo-m.flushed.Load() >= j.opts.LogBytes
	if full {
		j.logFull.Store(true)
	}
	if late {
		j.overlayFull.Store(true)
	}
	if bytes >= j.opts.MaterializeBytes || large || full {
		m.due.Store(true)
		j.materializeTask.Wake()
	}
}

func (j *Journal) materializeStep() bool {
	if j.stopped.Load() != nil || !j.materializer.due.Load() || !j.mayMaterialize() {
		return false
	}
	j.materializer.due.Store(false)
	if err := j.materialize(false); err != nil {
		j.stop(err)
	}
	return false
}

// materialize writes the durable batches since the last run into the tables, as
// one batch with the marker, and drops the log that the tables replace.
func (j *Journal) materialize(final bool) error {
	if g := j.freeze(); g != nil {
		j.overlayFull.Store(false) // the next batch looks again
		j.signalRoom()
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
	} else {
		j.overlayFull.Store(false) // set by a committer that was late
		j.signalRoom()
		j.overlay.forget()
	}
	if m := &j.materializer; final || j.logFull.Load() || j.space.tight() || j.space.behind.Load() || m.applied-m.flushed.Load() >= j.opts.LogBytes/8 {
		return j.truncate()
	}
	return nil
}

// freeze takes the active generation, nil if there is nothing new.
func (j *Journal) freeze() *generation {
	j.overlay.whole.Lock()
	defer j.overlay.whole.Unlock()
	j.overlay.mu.Lock()
	defer j.overlay.mu.Unlock()
	if j.overlay.active.bytes == 0 {
		return nil
	}
	return j.overlay.freeze()
}

func (j *Journal) fill(b *tables.Batch, g *generation) error {
	b.Grow(g.records.len() + g.rows.Len())
	if err := j.adoptWaiting(); err != nil {
		return err
	}
	gone, err := j.fillInboxes(b, g.last)
	if err != nil {
		return err
	}
	if err := j.fillRecords(b, g, gone.rows); err != nil {
		return err
	}
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

// adoptWaiting adopts the windows of addresses that have got messages beside one
// that nobody has read yet.
func (j *Journal) adoptWaiting() error {
	for _, r := range j.unadopted() {
		if err := j.adopt(r); err != nil {
			return fmt.Errorf("persistence: inbox of %s: %w", r.Address, err)
		}
	}
	return nil
}

func (j *Journal) unadopted() []*Record {
	in := &j.inboxes
	in.mu.Lock()
	former, waiting := in.stored.any(), in.waiting
	if former {
		waiting = slices.Clone(waiting)
	}
	in.mu.Unlock()
	if !former {
		return nil
	}
	var out []*Record
	for a := range held(waiting, j.Durable()) {
		if r := NewRecord(a, j.Group(a.ID)); in.mayHaveWindow(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y *Record) int { return cmp.Compare(x.key, y.key) })
	return out
}

// leaving is what goes from the inboxes' sections with a marker.
type leaving struct {
	rows  map[string]bool // by key
	inbox map[string]bool // the addresses, by record key
}

// fillInboxes makes each address's window what is held for it, and removes the
// chunks that are consumed. Windows may be ahead of the generation, by messages
// and by their consumption, which the log has both.
func (j *Journal) fillInboxes(b *tables.Batch, n BatchNumber) (leaving, error) {
	gone := leaving{rows: map[string]bool{}, inbox: map[string]bool{}}
	if err := j.fillWindows(b, gone); err != nil {
		return gone, err
	}
	for _, c := range j.inboxes.done(n) {
		gone.rows[string(c.key)], gone.inbox[c.address] = true, true
	}
	for _, key := range slices.Sorted(maps.Keys(gone.rows)) {
		b.Delete([]byte(key))
	}
	return gone, nil
}

// windowsTogether are looked at under one lock, for which commits and activations wait.
const windowsTogether = 256

func (j *Journal) fillWindows(b *tables.Batch, gone leaving) error {
	in := &j.inboxes
	in.mu.Lock()
	waiting, known := slices.Clone(in.waiting), maps.Clone(in.windows)
	in.mu.Unlock()
	keep := map[string]bool{}
	some := make([]changedWindow, 0, windowsTogether)
	for a, messages := range held(waiting, j.Durable()) {
		// With very many, this takes long enough for most to be consumed.
		durable := j.Durable()
		messages = sorted(slices.DeleteFunc(messages, func(m *Message) bool { return !m.waits(durable) }))
		if len(messages) == 0 {
			continue
		}
		r := NewRecord(a, j.Group(a.ID))
		keep[r.key] = true
		now, was := windowFor(messages), known[r.key]
		if was != nil && *was == now {
			continue
		}
		if some = append(some, changedWindow{r, was, now, messages}); len(some) == windowsTogether {
			in.fillSome(b, some)
			some = some[:0]
		}
	}
	in.fillSome(b, some)
	maps.DeleteFunc(known, func(key string, _ *window) bool { return keep[key] })
	return in.dropWindows(known, gone)
}

// changedWindow is what an address's window was, nil if not known, and is.
type changedWindow struct {
	record   *Record
	was      *window
	now      window
	messages []*Message
}

func windowFor(messages []*Message) window {
	return window{messages[0].Sequence, messages[len(messages)-1].Sequence, len(messages), true}
}

// fillSome writes windows that have changed. One that a former run has left and that
// was not adopted by then is left until the next time.
func (in *inboxes) fillSome(b *tables.Batch, changed []changedWindow) {
	in.mu.Lock()
	changed = slices.DeleteFunc(changed, func(c changedWindow) bool {
		key := c.record.key
		return c.was == nil && (in.windows[key] != nil || in.stored.maybe(c.record.Group, key))
	})
	for i := range changed {
		in.windows[changed[i].record.key] = new(changed[i].now)
	}
	in.mu.Unlock()
	for i := range changed {
		c := &changed[i]
		b.Set(windowKey(c.record.Group, c.record.Address), encodeChunk(c.messages))
	}
}

// dropWindows forgets windows that are empty, and has their rows go.
func (in *inboxes) dropWindows(empty map[string]*window, gone leaving) error {
	for keys := range slices.Chunk(slices.Collect(maps.Keys(empty)), windowsTogether) {
		in.mu.Lock()
		for _, key := range keys {
			delete(in.windows, key)
		}
		in.mu.Unlock()
	}
	for key, w := range empty {
		if !w.row {
			continue
		}
		kg, a, _, err := cutAddressKey([]byte(key))
		if err != nil {
			return err
		}
		gone.rows[string(windowKey(kg, a))], gone.inbox[key] = true, true
	}
	return nil
}

func sorted(messages []*Message) []*Message {
	slices.SortFunc(messages, func(x, y *Message) int { return cmp.Compare(x.Sequence, y.Sequence) })
	return messages
}

// fillRecords writes the records in the order of their keys. An empty one goes,
// unless its consumed-to is still needed to tell what its chunks mean.
func (j *Journal) fillRecords(b *tables.Batch, g *generation, leaving map[string]bool) error {
	for i := range g.records.sorted() {
		k, v := g.records.key(i), g.records.value(i)
		needed := true
		if isEmptyRecord(v) {
			var err error
			if needed, err = j.inTables(string(k), leaving); err != nil {
				return err
			}
		}
		if needed {
			b.Set(k, v)
		} else {
			b.Delete(k)
		}
	}
	return nil
}

// dropEmpty removes records that were kept for their messages only.
func (j *Journal) dropEmpty(b *tables.Batch, g *generation, gone leaving) error {
	for _, key := range slices.Sorted(maps.Keys(gone.inbox)) {
		if g.records.find(key) >= 0 {
			continue
		}
		v, ok, err := j.tables.Get([]byte(key), nil)
		if err != nil {
			return err
		}
		if !ok || !isEmptyRecord(v) {
			continue
		}
		if there, err := j.inTables(key, gone.rows); err != nil {
			return err
		} else if !there {
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
	_ = j.space.look()     // the next one may succeed
	j.signalRoom()
	return nil
}
