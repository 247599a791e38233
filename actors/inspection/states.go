package inspection

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// records checks what each address's record says.
func (in *inspection) records(g persistence.KeyGroup) error {
	var inner error
	err := in.view.Addresses(g, func(a functions.Address) bool {
		in.placed(CheckStates, a.String(), g, a.ID)
		inner = in.record(a)
		return inner == nil && in.Err() == nil
	})
	if err == nil {
		err = inner
	}
	return err
}

func (in *inspection) record(a functions.Address) error {
	r, l, err := in.view.Load(a)
	if err != nil {
		in.report.add(CheckStates, a.String(), "%v", err)
		return nil
	}
	in.report.Counts.Addresses++
	in.given(CheckInbox, a.String(), l.Consumed)
	for _, c := range l.Cells {
		if err := in.cell(r, c); err != nil {
			return err
		}
	}
	if l.Nudge == 0 {
		return nil
	}
	return in.nudge(r, l.Nudge)
}

func (in *inspection) cell(r *persistence.Record, c persistence.Cell) error {
	in.report.Counts.States++
	if c.Large {
		in.report.Counts.LargeValues++
	}
	spec, ok := in.view.Spec(c.Spec)
	if !ok || spec.Function != r.Address.Type {
		in.report.add(CheckStates, r.Address.String(), "it has state number %d, which was never declared for %s", c.Spec, r.Address.Type)
		return nil
	}
	if spec.Kind == functions.KindValue {
		return nil
	}
	e, ok := actors.DecodeEntries(c.Value)
	if !ok {
		in.report.add(CheckStates, r.Address.String(), "the bounds of [%s] cannot be read: %x", spec.Name, c.Value)
		return nil
	}
	in.given(CheckStates, r.Address.String(), persistence.Sequence(e.Generation))
	return in.entries(r, spec, e)
}

// entries counts the entries of a list or map.
func (in *inspection) entries(r *persistence.Record, spec *persistence.Spec, e actors.Entries) error {
	prefix := persistence.EntryPrefix(r.Group, r.Address, spec.ID, e.Generation)
	kr := persistence.PrefixRange(prefix)
	if spec.Kind == functions.KindList {
		kr = persistence.KeyRange{
			Low: binary.BigEndian.AppendUint64(append([]byte(nil), prefix...), e.First), High: binary.BigEndian.AppendUint64(append([]byte(nil), prefix...), e.End),
		}
	}
	n := uint64(0)
	if err := in.scan(kr, func(persistence.Row) { n++ }); err != nil {
		return err
	}
	in.report.Counts.Entries += int64(n)
	if want := e.End - e.First; spec.Kind == functions.KindList && n != want {
		in.report.add(CheckStates, r.Address.String(), "the list [%s] has %d entries on disk, it should have %d", spec.Name, n, want)
	}
	return nil
}

// nudge looks for the timer that will have an address look after its expired
// states. Where it has fired, the nudge has to be waiting.
func (in *inspection) nudge(r *persistence.Record, at int64) error {
	found := false
	kr := persistence.KeyRange{Low: persistence.TimerKey(r.Group, at, 0), High: persistence.TimerKey(r.Group, at+1, 0)}
	err := in.scan(kr, func(row persistence.Row) {
		t, err := actors.DecodeTimer(row)
		found = found || err == nil && t.Message.Target == r.Address && t.Message.Type == actors.NudgeType
	})
	if err == nil && !found {
		in.nudged[r.Address] = at
	}
	return err
}

// addressRows finds rows that no record refers to.
func (in *inspection) addressRows(g persistence.KeyGroup) error {
	var of functions.Address
	var cells map[persistence.SpecID]persistence.Cell
	return in.scan(persistence.AddressesRange(g), func(row persistence.Row) {
		k, err := persistence.CutAddressRow(row.Key)
		if err != nil {
			in.report.add(CheckKeys, shorten(row.Key), "%v", err)
			return
		}
		if k.Address != of || cells == nil {
			of, cells = k.Address, in.cells(k.Address)
		}
		switch k.Kind {
		case persistence.RowAttempt:
			if len(row.Value) != 1 {
				in.report.add(CheckInbox, of.String(), "the count of its attempts cannot be read: %x", row.Value)
			}
		case persistence.RowLarge:
			if c, ok := cells[k.Spec]; !ok || !c.Large {
				in.report.add(CheckStates, of.String(), "there is a large value of state number %d, which its record does not know", k.Spec)
			}
		case persistence.RowEntry:
			in.entry(row.Key, &k, cells[k.Spec])
		}
	})
}

// cells are those of an address. One that cannot be loaded is reported elsewhere.
func (in *inspection) cells(a functions.Address) map[persistence.SpecID]persistence.Cell {
	cells := map[persistence.SpecID]persistence.Cell{}
	if _, l, err := in.view.Load(a); err == nil {
		for _, c := range l.Cells {
			cells[c.Spec] = c
		}
	}
	return cells
}

// entry checks that a row is an entry of the list or map that is there.
func (in *inspection) entry(key []byte, k *persistence.AddressRow, c persistence.Cell) {
	e, ok := actors.DecodeEntries(c.Value)
	inside := ok && k.Generation == e.Generation
	spec, known := in.view.Spec(k.Spec)
	if inside && known && spec.Kind == functions.KindList {
		inside = len(k.Entry) == 8
		if inside {
			at := binary.BigEndian.Uint64(k.Entry)
			inside = at >= e.First && at < e.End
		}
	}
	if !inside && !in.view.Cleared(key) {
		in.report.add(CheckStates, k.Address.String(), "there is an entry %s of state number %d that belongs to no list or map of its record",
			strconv.Quote(string(k.Entry)), k.Spec)
	}
}

// shorten shows a key.
func shorten(key []byte) string {
	if len(key) > 64 {
		return fmt.Sprintf("%q… (%d bytes)", key[:64], len(key))
	}
	return fmt.Sprintf("%q", key)
}
