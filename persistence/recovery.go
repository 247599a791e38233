package persistence

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/wal"
)

// recover opens the log and brings the overlay and the inboxes to its end.
func (j *Journal) recover(dir string) error {
	v, ok, err := j.tables.Get(markerKey, nil)
	if err != nil {
		return err
	}
	var m marker
	if ok {
		if m, err = decodeMarker(v); err != nil {
			return err
		}
	}
	after := m.batch
	j.recovered = m.highest
	j.egressSequence.Store(m.egress)
	j.overlay.active.last = after
	j.log, err = wal.Open(wal.Options{FS: j.opts.Environment.FS, Dir: dir, SegmentBytes: max(64<<10, j.opts.LogBytes/16), Random: j.opts.Environment.Random}, uint64(after), j.replay)
	if err != nil {
		return err
	}
	if err := j.scanInboxes(); err != nil {
		return err
	}
	for _, list := range j.inboxes.recovered {
		j.inboxes.waiting = append(j.inboxes.waiting, list...)
	}
	return j.loadSpecs()
}

// replay applies one batch of the log to the overlay.
func (j *Journal) replay(number uint64, payload []byte) error {
	p := bytes.Clone(payload) // rows and messages keep pieces of it
	g := j.overlay.active
	highest, err := decodePayload(p, visitor{
		record:  j.replayRecord,
		message: j.replayMessage,
		row: func(r Row) error {
			j.replayRow(r)
			return nil
		},
		clear: func(r KeyRange) error {
			g.clears = append(g.clears, r)
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("batch %d: %w", number, err)
	}
	g.last = BatchNumber(number)
	g.bytes += int64(len(p))
	g.upTo += int64(len(p))
	j.recovered = max(j.recovered, highest)
	return nil
}

func (j *Journal) replayRow(r Row) {
	j.overlay.active.rows.Set(r)
	if len(r.Key) > 3 && r.Key[2] == sectionEgress && !r.Delete {
		s := uint64(TailSequence(r.Key))
		j.egressSequence.Store(max(j.egressSequence.Load(), s))
	}
}

func (j *Journal) replayRecord(a functions.Address, value []byte) error {
	consumed, nudge, cells, err := decodeRecord(value)
	if err != nil {
		return err
	}
	r := MakeRecord(a, j.Group(a.ID))
	if consumed == 0 {
		// The tables may have forgotten the record when this was written, and a
		// crash have brought it back with what it had consumed.
		if consumed, err = j.consumedTo(&r); err != nil {
			return err
		}
		value = appendRecord(nil, consumed, nudge, cells)
	}
	j.overlay.active.setRecord(r.key, value)
	if consumed > 0 {
		j.inboxes.takeRecovered(r.key, 0, consumed)
	}
	return nil
}

// consumedTo is how far an address's inbox is consumed durably.
func (j *Journal) consumedTo(r *Record) (Sequence, error) {
	value, ok, err := j.recordValue(r)
	if !ok || err != nil {
		return 0, err
	}
	consumed, _, _, err := decodeRecord(value)
	return consumed, err
}

func (j *Journal) replayMessage(m *Message) error {
	key := string(recordKey(j.Group(m.Target.ID), m.Target))
	j.inboxes.recovered[key] = append(j.inboxes.recovered[key], m)
	list := j.inboxes.recovered[key]
	// The log has a batch's messages by sender.
	for i := len(list) - 1; i > 0 && list[i-1].Sequence > list[i].Sequence; i-- {
		list[i-1], list[i] = list[i], list[i-1]
	}
	return nil
}

// scanInboxes notes the windows and chunks in the tables, and forgets recovered
// messages that are in a chunk.
func (j *Journal) scanInboxes() error {
	for g := range j.opts.KeyGroups {
		r := prefixRange(groupKey(KeyGroup(g), sectionInbox))
		var inner error
		err := j.tables.Scan(r.Low, r.High, func(k, v []byte) bool {
			inner = j.scanInbox(k, v)
			return inner == nil
		})
		if err = cmp.Or(inner, err); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) scanInbox(k, v []byte) error {
	g, a, rest, err := cutAddressKey(k)
	if err != nil {
		return err
	}
	d := decoder{b: v}
	if err := d.version(chunkVersion, errChunk); err != nil {
		return fmt.Errorf("%w of %s", err, a)
	}
	last := Sequence(d.uvarint())
	key := string(recordKey(g, a))
	switch {
	case len(rest) == 1 && rest[0] == inboxWindow:
		j.inboxes.windows[key] = &window{}
		j.inboxes.unread++
		return nil
	case len(rest) != 1+8 || rest[0] != inboxChunk || d.bad:
		return fmt.Errorf("%w at %x", errChunk, k)
	}
	j.inboxes.chunks[key]++
	list := j.inboxes.recovered[key]
	if len(list) == 0 {
		return nil
	}
	first := TailSequence(k)
	list = slices.DeleteFunc(list, func(m *Message) bool { return m.Sequence >= first && m.Sequence <= last })
	if j.inboxes.recovered[key] = list; len(list) == 0 {
		delete(j.inboxes.recovered, key)
	}
	return nil
}
