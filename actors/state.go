package actors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// State of an invocation: its own writes before the grain's cells, its own rows
// before those of the worker's last transactions and the journal's.

// find returns the place of a state, or fails the invocation.
func (inv *invocation) find(spec *functions.StateSpec) int {
	if !inv.alive() {
		return -1
	}
	i := inv.fn.place(spec)
	if i < 0 {
		inv.Fail(functions.Permanent(fmt.Errorf("%s uses the state [%s], which it did not declare", inv.fn.Type, spec.Name)))
	}
	return i
}

// cell is the current content of the state at place i, expired ones absent.
func (inv *invocation) cell(i int) cell {
	for k := range inv.effects.writes {
		if inv.effects.writes[k].place == i {
			return inv.effects.writes[k].cell
		}
	}
	if i >= len(inv.grain.cells) {
		return cell{}
	}
	c := inv.grain.cells[i]
	if c.expires != 0 && c.expires <= inv.now {
		return cell{}
	}
	return c
}

// write sets the cell at place i, and its expiration anew.
func (inv *invocation) write(i int, value []byte, present bool) {
	c := cell{value: value, present: present}
	if s := (*inv.fn.states.Load())[i]; present && s.spec.Mode != functions.ExpireNever {
		c.expires = inv.now + s.spec.TTL.Milliseconds()
	}
	for k := range inv.effects.writes {
		if inv.effects.writes[k].place == i {
			inv.effects.writes[k].cell = c
			return
		}
	}
	inv.effects.writes = append(inv.effects.writes, write{i, c})
}

// GetValue implements functions.Driver.
func (inv *invocation) GetValue(spec *functions.StateSpec) ([]byte, bool) {
	i := inv.find(spec)
	if i < 0 {
		return nil, false
	}
	c := inv.cell(i)
	return c.value, c.present
}

// SetValue implements functions.Driver.
func (inv *invocation) SetValue(spec *functions.StateSpec, value []byte) {
	if i := inv.find(spec); i >= 0 && inv.accountValue(spec, len(value)) {
		inv.write(i, value, true)
	}
}

// ClearValue implements functions.Driver.
func (inv *invocation) ClearValue(spec *functions.StateSpec) {
	if i := inv.find(spec); i >= 0 {
		inv.write(i, nil, false)
	}
}

func (inv *invocation) accountValue(spec *functions.StateSpec, n int) bool {
	if most := inv.engine.opts.MaxValueBytes; n > most {
		inv.Fail(functions.Permanent(fmt.Errorf("value of %d bytes for the state [%s] of %s, at most %d are allowed",
			n, spec.Name, inv.fn.Type, most)))
		return false
	}
	return inv.account(0, 32+n)
}

// entries is what the cell of a list or a map holds: where its entries are.
type entries struct {
	generation uint64 // part of the entries' keys; never used twice
	first, end uint64 // a list's positions, ever growing
}

func (e entries) encode() []byte {
	b := binary.AppendUvarint(make([]byte, 0, 16), e.generation)
	b = binary.AppendUvarint(b, e.first)
	return binary.AppendUvarint(b, e.end)
}

func decodeEntries(b []byte) (e entries, ok bool) {
	for _, p := range []*uint64{&e.generation, &e.first, &e.end} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return entries{}, false
		}
		*p, b = v, b[n:]
	}
	return e, len(b) == 0
}

// entries returns the bounds of a list or map, false if it is empty or unknown.
func (inv *invocation) entries(spec *functions.StateSpec) (i int, e entries, ok bool) {
	if i = inv.find(spec); i < 0 {
		return i, e, false
	}
	c := inv.cell(i)
	if !c.present {
		return i, e, false
	}
	if e, ok = decodeEntries(c.value); !ok {
		inv.Fail(fmt.Errorf("the state [%s] of %s is damaged", spec.Name, inv.message.Target))
	}
	return i, e, ok
}

// open is entries, with a fresh generation for an empty state.
func (inv *invocation) open(spec *functions.StateSpec) (i int, e entries, ok bool) {
	i, e, ok = inv.entries(spec)
	if !ok && i >= 0 && inv.err == nil {
		inv.dropExpired(i)
		e, ok = entries{generation: uint64(inv.worker.queue.next())}, true
	}
	return i, e, ok
}

// dropExpired clears the entries of a list or map that has expired and is about
// to begin anew.
func (inv *invocation) dropExpired(i int) {
	if i >= len(inv.grain.cells) || inv.hasWritten(i) {
		return
	}
	if c := inv.grain.cells[i]; c.present && (*inv.fn.states.Load())[i].Kind != functions.KindValue {
		if e, ok := decodeEntries(c.value); ok {
			inv.effects.clears = append(inv.effects.clears, persistence.PrefixRange(inv.prefix(i, e)))
		}
	}
}

func (inv *invocation) hasWritten(i int) bool {
	return slices.ContainsFunc(inv.effects.writes, func(w write) bool { return w.place == i })
}

// nudgeType is the type of the message by which an address finds out that some
// of its state may have expired. The wall clock decides, when it arrives.
const nudgeType functions.TypeName = "io.statefun/expire"

// expire removes what has expired.
func (inv *invocation) expire() {
	for i, c := range inv.grain.cells {
		if c.present && c.expires != 0 && c.expires <= inv.now {
			inv.dropExpired(i)
			inv.write(i, nil, false)
		}
	}
}

// The nudges that are on their way to an address are a stack: each was armed for
// an earlier time than those before it, and says which is the next. g.nudge is when
// the top one comes.

// nudged takes the nudge that has come from the stack. It may have come before its
// turn, if one was armed while it waited for its invocation, after the clock had
// been set back: then it is sent again, or the stack would name one that is gone.
func (w *worker) nudged(g *grain, nudge *persistence.Message, tx *persistence.Transaction) {
	at, n := binary.Varint(nudge.Value)
	switch {
	case n <= 0: // of a version that did not say
		g.nudge = 0
	case at == g.nudge:
		g.nudge, _ = binary.Varint(nudge.Value[n:])
	case g.nudge != 0 && g.nudge < at:
		w.sendNudge(g, max(at, w.now+nudgeAgain), nudge.Value, tx)
	}
}

const nudgeAgain = int64(time.Second / time.Millisecond)

// armNudge has the address nudged at a time (0: never), unless it will be before.
func (w *worker) armNudge(g *grain, at int64, tx *persistence.Transaction) {
	if at == 0 || g.nudge != 0 && g.nudge <= at {
		return
	}
	value := binary.AppendVarint(binary.AppendVarint(nil, at), g.nudge)
	g.nudge = at
	w.sendNudge(g, at, value, tx)
}

func (w *worker) sendNudge(g *grain, due int64, value []byte, tx *persistence.Transaction) {
	t := &timer{
		group: g.record.Group, due: due, sequence: w.queue.next(),
		message: &persistence.Message{Target: g.record.Address, Type: nudgeType, Value: value},
	}
	tx.Rows = append(tx.Rows, t.row())
	w.timers.add(t)
}

func (inv *invocation) prefix(i int, e entries) []byte {
	r := &inv.grain.record
	return persistence.EntryPrefix(r.Group, r.Address, (*inv.fn.states.Load())[i].ID, e.generation)
}

func listKey(prefix []byte, position uint64) []byte {
	return binary.BigEndian.AppendUint64(slices.Clip(prefix), position)
}

// ListLen implements functions.Driver.
func (inv *invocation) ListLen(spec *functions.StateSpec) int {
	_, e, _ := inv.entries(spec)
	return int(e.end - e.first)
}

// ListEntries implements functions.Driver.
func (inv *invocation) ListEntries(spec *functions.StateSpec) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		i, e, ok := inv.entries(spec)
		if !ok {
			return
		}
		prefix := inv.prefix(i, e)
		r := persistence.KeyRange{Low: listKey(prefix, e.first), High: listKey(prefix, e.end)}
		n := 0
		inv.scan(r, func(row persistence.Row) bool {
			n++
			return yield(n-1, row.Value)
		})
	}
}

// ListAppend implements functions.Driver.
func (inv *invocation) ListAppend(spec *functions.StateSpec, value []byte) {
	i, e, ok := inv.open(spec)
	if !ok || !inv.accountValue(spec, len(value)) {
		return
	}
	inv.put(listKey(inv.prefix(i, e), e.end), value)
	e.end++
	inv.write(i, e.encode(), true)
}

// ListDropFirst implements functions.Driver.
func (inv *invocation) ListDropFirst(spec *functions.StateSpec, n int) {
	i, e, ok := inv.entries(spec)
	if !ok {
		return
	}
	if uint64(n) >= e.end-e.first {
		inv.clearEntries(i, e)
		return
	}
	prefix := inv.prefix(i, e)
	r := persistence.KeyRange{Low: listKey(prefix, e.first), High: listKey(prefix, e.first+uint64(n))}
	inv.effects.clears = append(inv.effects.clears, r) // positions are never used again
	e.first += uint64(n)
	inv.write(i, e.encode(), true)
}

// ListClear implements functions.Driver.
func (inv *invocation) ListClear(spec *functions.StateSpec) {
	if i, e, ok := inv.entries(spec); ok {
		inv.clearEntries(i, e)
	}
}

// clearEntries leaves the entries to the materializer: their generation is
// never used again, so nobody looks at them before they are gone.
func (inv *invocation) clearEntries(i int, e entries) {
	inv.effects.clears = append(inv.effects.clears, persistence.PrefixRange(inv.prefix(i, e)))
	inv.write(i, nil, false)
}

// MapEntry implements functions.Driver.
func (inv *invocation) MapEntry(spec *functions.StateSpec, key string) ([]byte, bool) {
	i, e, ok := inv.entries(spec)
	if !ok {
		return nil, false
	}
	return inv.get(append(inv.prefix(i, e), key...))
}

// MapEntries implements functions.Driver.
func (inv *invocation) MapEntries(spec *functions.StateSpec) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		i, e, ok := inv.entries(spec)
		if !ok {
			return
		}
		prefix := inv.prefix(i, e)
		inv.scan(persistence.PrefixRange(prefix), func(row persistence.Row) bool {
			return yield(string(row.Key[len(prefix):]), row.Value)
		})
	}
}

// MapSet implements functions.Driver.
func (inv *invocation) MapSet(spec *functions.StateSpec, key string, value []byte) {
	if most := functions.MaxIDBytes; len(key) > most {
		inv.Fail(functions.Permanent(fmt.Errorf("key of %d bytes in the state [%s] of %s, at most %d are allowed",
			len(key), spec.Name, inv.fn.Type, most)))
		return
	}
	i, e, ok := inv.open(spec)
	if !ok || !inv.accountValue(spec, len(key)+len(value)) {
		return
	}
	inv.put(append(inv.prefix(i, e), key...), value)
	inv.write(i, e.encode(), true)
}

// MapDelete implements functions.Driver. A map whose last entry went is absent
// only once it is cleared.
func (inv *invocation) MapDelete(spec *functions.StateSpec, key string) {
	i, e, ok := inv.entries(spec)
	if !ok {
		return
	}
	inv.remove(append(inv.prefix(i, e), key...))
	inv.write(i, e.encode(), true)
}

// MapClear implements functions.Driver.
func (inv *invocation) MapClear(spec *functions.StateSpec) { inv.ListClear(spec) }

func (inv *invocation) put(key, value []byte) {
	inv.effects.rows = append(inv.effects.rows, persistence.Row{Key: key, Value: value})
}

func (inv *invocation) remove(key []byte) {
	inv.effects.rows = append(inv.effects.rows, persistence.Row{Key: key, Delete: true})
}

// get reads a row as this invocation sees it.
func (inv *invocation) get(key []byte) ([]byte, bool) {
	for k := len(inv.effects.rows) - 1; k >= 0; k-- {
		if r := &inv.effects.rows[k]; bytes.Equal(r.Key, key) {
			return r.Value, !r.Delete
		}
	}
	if r, ok := inv.worker.recent.get(key); ok {
		return r.Value, !r.Delete
	}
	v, ok, err := inv.engine.journal.Get(key)
	if err != nil {
		inv.Fail(err)
	}
	return v, ok
}

// scan visits the rows of a range as this invocation sees them.
func (inv *invocation) scan(r persistence.KeyRange, visit func(persistence.Row) bool) {
	own := inv.ownRows(r)
	err := inv.engine.journal.ScanAll(r, func(row persistence.Row) bool {
		for len(own) > 0 && bytes.Compare(own[0].Key, row.Key) < 0 {
			if !own[0].Delete && !visit(own[0]) {
				own = nil
				return false
			}
			own = own[1:]
		}
		if len(own) > 0 && bytes.Equal(own[0].Key, row.Key) {
			row, own = own[0], own[1:]
			return row.Delete || visit(row)
		}
		return visit(row)
	})
	if err != nil {
		inv.Fail(err)
		return
	}
	for _, row := range own {
		if !row.Delete && !visit(row) {
			return
		}
	}
}

// ownRows are the changes in a range that the journal does not show yet, in order.
func (inv *invocation) ownRows(r persistence.KeyRange) []persistence.Row {
	rows := inv.worker.recent.scan(r)
	for _, row := range inv.effects.rows {
		if bytes.Compare(row.Key, r.Low) >= 0 && bytes.Compare(row.Key, r.High) < 0 {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b persistence.Row) int { return bytes.Compare(a.Key, b.Key) })
	out := rows[:0]
	for i, row := range rows {
		if i+1 < len(rows) && bytes.Equal(rows[i+1].Key, row.Key) {
			continue // a later one counts
		}
		out = append(out, row)
	}
	return out
}
