package persistence

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/statefun-go/statefun/functions"
)

// world is the plain model of a journal: what it holds after some batch. Slices
// in it are never changed in place, so that a clone of the maps is a clone.
type world struct {
	records map[functions.Address]worldRecord
	inbox   map[functions.Address][]worldMessage // not consumed, in order
	rows    map[string]string                    // queued egress records, too
	// cleared are keys that were in a cleared range: they go some time later and
	// nobody looks at them any more.
	cleared map[string]bool

	highest Sequence // of messages
	egress  Sequence // highest of egress records
}

type worldRecord struct {
	consumed Sequence
	// forgettable says that the record was empty since something was consumed:
	// then the tables may forget it, and how far it was.
	forgettable bool
	nudge       int64
	cells       []Cell // large ones with their values
}

func (r *worldRecord) empty() bool { return r.nudge == 0 && len(r.cells) == 0 }

type worldMessage struct {
	text string // messageText: all that there is to a message
	sequence,
	batch uint64
}

func newWorld() *world {
	return &world{
		records: map[functions.Address]worldRecord{}, inbox: map[functions.Address][]worldMessage{},
		rows: map[string]string{}, cleared: map[string]bool{},
	}
}

func (w *world) clone() *world {
	c := *w
	c.records, c.inbox, c.rows, c.cleared = maps.Clone(w.records), maps.Clone(w.inbox), maps.Clone(w.rows), maps.Clone(w.cleared)
	return &c
}

// apply makes the model what batch n is to leave. tx was appended: its messages
// have their sequences. It returns how many messages n both sent and consumed.
func (w *world) apply(n BatchNumber, tx *Transaction) (elided int) {
	if r := tx.Record; r != nil {
		elided = w.applyRecord(n, r.Address, tx)
	}
	for i := range tx.Rows {
		if r := &tx.Rows[i]; r.Delete {
			delete(w.rows, string(r.Key))
		} else {
			w.rows[string(r.Key)] = string(r.Value)
		}
	}
	for i := range tx.Egress {
		r := egressRow(&tx.Egress[i])
		w.rows[string(r.Key)] = string(r.Value)
		w.egress = tx.Egress[i].Sequence
	}
	for _, r := range tx.Clears {
		for k := range w.rows {
			if inKeyRange(r, []byte(k)) {
				w.cleared[k] = true
				delete(w.rows, k)
			}
		}
	}
	for _, m := range tx.Sends {
		sent := worldMessage{messageText(m), uint64(m.Sequence), uint64(n)}
		w.inbox[m.Target] = append(slices.Clip(w.inbox[m.Target]), sent)
		w.highest = max(w.highest, m.Sequence)
	}
	return elided
}

func (w *world) applyRecord(n BatchNumber, a functions.Address, tx *Transaction) (elided int) {
	is := w.records[a]
	is.nudge = tx.Nudge
	is.cells = slices.Clone(tx.Cells)
	upTo := tx.Skip
	if k := len(tx.Messages); k > 0 {
		upTo = max(upTo, tx.Messages[k-1].Sequence)
	}
	for _, c := range tx.Chunks {
		upTo = max(upTo, c.Last)
	}
	if upTo > 0 {
		is.consumed, is.forgettable = max(is.consumed, upTo), false
	}
	is.forgettable = is.forgettable || is.empty()
	w.records[a] = is
	inbox := w.inbox[a]
	for len(inbox) > 0 && inbox[0].sequence <= uint64(upTo) {
		if inbox[0].batch == uint64(n) {
			elided++
		}
		inbox = inbox[1:]
	}
	w.inbox[a] = inbox
	return elided
}

// differs compares a record with what was loaded, "" if it is the same.
func (w *world) differs(a functions.Address, l Loaded) string {
	want := w.records[a]
	same := l.Nudge == want.nudge && len(l.Cells) == len(want.cells) &&
		(l.Consumed == want.consumed || l.Consumed == 0 && want.forgettable)
	for i := range want.cells {
		same = same && sameCell(&l.Cells[i], &want.cells[i])
	}
	if same {
		return ""
	}
	return fmt.Sprintf("%s is %+v, expected %+v", a, l, want)
}

func sameCell(x, y *Cell) bool {
	return x.Spec == y.Spec && x.Large == y.Large && x.Expires == y.Expires && bytes.Equal(x.Value, y.Value)
}

// inRange returns the rows of a range in order, in words.
func (w *world) inRange(r KeyRange) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(w.rows)) {
		if inKeyRange(r, []byte(k)) {
			out = append(out, fmt.Sprintf("%x=%.40q", k, w.rows[k]))
		}
	}
	return out
}

// alive returns the addresses with a record that is not empty.
func (w *world) alive() map[functions.Address]bool {
	out := map[functions.Address]bool{}
	for a, r := range w.records {
		if !r.empty() {
			out[a] = true
		}
	}
	return out
}
