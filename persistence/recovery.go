package persistence

import (
	"bytes"
	"fmt"

	"github.com/statefun-go/statefun/functions"
)

// recover opens the log and brings the overlay and the inboxes to its end.
//
// Meanwhile the tables are being verified: their end is waited for before the log is
// changed.
func (j *Journal) recover(dir string, verified func() error) error {
	v, ok, err := j.tables.Get(markerKey, nil)
	if err != nil {
		return err
	}
	var m marker
	if ok {
		if m, err = decodeMarker(v); err != nil {
			return err
		}
	} else if empty, err := j.tablesEmpty(); err != nil {
		return err
	} else if empty {
		j.inboxes.stored.noneStored()
	}
	after := m.batch
	j.recovered = m.highest
	j.egressSequence.Store(m.egress)
	j.overlay.active.last = after
	if err := j.openLog(dir, after, verified); err != nil {
		return err
	}
	j.inboxes.replayed()
	j.overlay.active.noteFound()
	return j.loadSpecs()
}

// openLog replays the log above a batch. The inboxes follow on a goroutine of their
// own, which touches nothing else and ends before openLog returns.
func (j *Journal) openLog(dir string, after BatchNumber, verified func() error) error {
	r := j.inboxes.beginReplay(j.unread)
	j.overlay.active.records.reserve(int(j.unread / replayedBytes))
	defer r.end()
	return j.readLog(dir, uint64(after), verified, func(number uint64, payload []byte) error {
		return j.replay(r, number, payload)
	})
}

// replayedBytes of log are one record, about: beside what sent it, or was sent to it.
const replayedBytes = 256

// logSize is about how many bytes there are to replay, for the size of things: 0 if
// that cannot be found out.
func (j *Journal) logSize(dir string) (size int64) {
	fs := j.opts.Environment.FS
	names, err := fs.List(dir)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if info, err := fs.Stat(fs.PathJoin(dir, name)); err == nil {
			size += info.Size()
		}
	}
	return min(size, j.opts.LogBytes)
}

func (j *Journal) tablesEmpty() (bool, error) {
	empty := true
	err := j.tables.Scan(nil, nil, func(_, _ []byte) bool {
		empty = false
		return false
	})
	return empty, err
}

// replay applies one batch of the log to the overlay, and hands what it says of
// inboxes on.
func (j *Journal) replay(in *inboxReplay, number uint64, payload []byte) error {
	p := bytes.Clone(payload) // rows and messages keep pieces of it
	g := j.overlay.active
	highest, err := decodePayload(p, visitor{
		memory: &in.memory,
		record: func(a functions.Address, value []byte) error {
			consumed, err := j.replayRecord(a, value)
			if consumed > 0 {
				in.batch = append(in.batch, inboxEvent{consumer: a, consumed: consumed})
			}
			return err
		},
		message: func(m *Message) error {
			in.batch = append(in.batch, inboxEvent{message: m})
			return nil
		},
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
	j.overlay.setReplayed()
	in.next()
	g.last = BatchNumber(number)
	g.bytes += int64(len(p))
	g.upTo += int64(len(p))
	j.recovered = max(j.recovered, highest)
	return nil
}

func (j *Journal) replayRow(r Row) {
	j.overlay.active.setRow(r)
	if len(r.Key) > 3 && r.Key[2] == sectionEgress && !r.Delete {
		s := uint64(TailSequence(r.Key))
		j.egressSequence.Store(max(j.egressSequence.Load(), s))
	}
}

func (j *Journal) replayRecord(a functions.Address, value []byte) (consumed Sequence, err error) {
	d := decoder{b: value}
	if err := d.version(recordVersion, errRecord); err != nil {
		return 0, err
	}
	o := &j.overlay
	if consumed = Sequence(d.uvarint()); consumed == 0 {
		o.setReplayed() // for who looks
		if consumed, value, err = j.replayForgotten(a, value); err != nil {
			return 0, err
		}
	}
	h := &o.ahead[len(o.replayed)]
	h.key = appendRecordKey(h.key[:0], j.Group(a.ID), a.Type, a.ID)
	if o.replayed = append(o.replayed, value); len(o.replayed) == lookAhead {
		o.setReplayed()
	}
	return consumed, nil
}

// replayForgotten completes a record that says it has consumed nothing. The tables
// may have forgotten the record when this was written, and a crash have brought it
// back with what it had consumed.
func (j *Journal) replayForgotten(a functions.Address, value []byte) (Sequence, []byte, error) {
	_, nudge, cells, err := decodeRecord(value)
	if err != nil {
		return 0, nil, err
	}
	consumed, err := j.consumedTo(NewRecord(a, j.Group(a.ID)))
	return consumed, appendRecord(nil, consumed, nudge, cells), err
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
