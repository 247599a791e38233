package persistence

import (
	"bytes"
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
	} else if empty, err := j.tablesEmpty(); err != nil {
		return err
	} else if empty {
		j.inboxes.stored.noneStored()
	}
	after := m.batch
	j.recovered = m.highest
	j.egressSequence.Store(m.egress)
	j.overlay.active.last = after
	j.log, err = wal.Open(wal.Options{FS: j.opts.Environment.FS, Dir: dir, SegmentBytes: max(64<<10, j.opts.LogBytes/16), Random: j.opts.Environment.Random}, uint64(after), j.replay)
	if err != nil {
		return err
	}
	j.inboxes.replayed()
	return j.loadSpecs()
}

func (j *Journal) tablesEmpty() (bool, error) {
	empty := true
	err := j.tables.Scan(nil, nil, func(_, _ []byte) bool {
		empty = false
		return false
	})
	return empty, err
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
	j.overlay.active.setRow(r)
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
		j.inboxes.replayConsumed(a, consumed)
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
	in := &j.inboxes
	list, known := in.recovered[m.Target]
	if !known {
		in.order = append(in.order, m.Target)
	}
	list = append(list, m)
	// The log has a batch's messages by sender.
	for i := len(list) - 1; i > 0 && list[i-1].Sequence > list[i].Sequence; i-- {
		list[i-1], list[i] = list[i], list[i-1]
	}
	in.recovered[m.Target] = list
	return nil
}

// replayConsumed forgets what the replay has seen consumed. The address keeps its
// place, so that order names it once.
func (in *inboxes) replayConsumed(a functions.Address, consumed Sequence) {
	list := in.recovered[a]
	n := 0
	for n < len(list) && list[n].Sequence <= consumed {
		n++
	}
	if n > 0 {
		in.recovered[a] = slices.Delete(list, 0, n)
	}
}

// replayed ends the replay: what it has left waits.
func (in *inboxes) replayed() {
	kept := in.order[:0]
	for _, a := range in.order {
		if len(in.recovered[a]) == 0 {
			delete(in.recovered, a)
			continue
		}
		kept = append(kept, a)
		in.waiting = append(in.waiting, in.recovered[a]...)
	}
	in.order = kept
}
