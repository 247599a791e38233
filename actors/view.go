package actors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// ErrNoState says that an address has no state of that name.
var ErrNoState = errors.New("actors: no such state")

// State returns the durable state of an address, without the values of lists
// and maps. What has expired is absent.
func (e *Engine) State(a functions.Address) ([]StateValue, error) {
	out := []StateValue{}
	err := e.visitState(a, func(s *persistence.Spec, c persistence.Cell, r *persistence.Record) error {
		v := showState(s, c.Value, c.Expires)
		if s.Kind == functions.KindMap {
			n := 0
			if err := e.entriesOf(r, s, c, func([]byte, []byte) bool { n++; return true }); err != nil {
				return err
			}
			v.Size = n
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

// StateEntry is a value, or an entry of a list (Key empty) or of a map.
type StateEntry struct {
	Key   string
	Value []byte
}

// StateEntries visits the durable content of one state: a value once, a list or
// a map entry by entry. It returns the state, or ErrNoState.
func (e *Engine) StateEntries(a functions.Address, name string, visit func(StateEntry) bool) (StateValue, error) {
	var out StateValue
	found := false
	err := e.visitState(a, func(s *persistence.Spec, c persistence.Cell, r *persistence.Record) error {
		if s.Name != name {
			return nil
		}
		found, out = true, showState(s, c.Value, c.Expires)
		if s.Kind == functions.KindValue {
			visit(StateEntry{Value: c.Value})
			return nil
		}
		return e.entriesOf(r, s, c, func(key, value []byte) bool {
			if s.Kind == functions.KindList {
				key = nil
			}
			return visit(StateEntry{string(key), value})
		})
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %s of %s", ErrNoState, name, a)
	}
	return out, err
}

func (e *Engine) visitState(a functions.Address, visit func(*persistence.Spec, persistence.Cell, *persistence.Record) error) error {
	if err := a.Validate(); err != nil {
		return err
	}
	r := persistence.NewRecord(a, e.journal.Group(a.ID))
	l, err := e.journal.Load(r)
	if err != nil {
		return err
	}
	now := e.env.Clock.Now().UnixMilli()
	for _, c := range l.Cells {
		s, ok := e.journal.SpecByID(c.Spec)
		if !ok || c.Expires != 0 && c.Expires <= now {
			continue
		}
		if err := visit(s, c, r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) entriesOf(r *persistence.Record, s *persistence.Spec, c persistence.Cell, visit func(key, value []byte) bool) error {
	en, ok := decodeEntries(c.Value)
	if !ok {
		return fmt.Errorf("actors: the state [%s] of %s is damaged", s.Name, r.Address)
	}
	prefix := persistence.EntryPrefix(r.Group, r.Address, s.ID, en.generation)
	kr := persistence.PrefixRange(prefix)
	if s.Kind == functions.KindList {
		kr = persistence.KeyRange{
			Low:  binary.BigEndian.AppendUint64(slices.Clip(prefix), en.first),
			High: binary.BigEndian.AppendUint64(slices.Clip(prefix), en.end),
		}
	}
	return e.journal.ScanAll(kr, func(row persistence.Row) bool { return visit(row.Key[len(prefix):], row.Value) })
}

// Function returns a registered function. Of one that is called elsewhere, only the
// type is known.
func (e *Engine) Function(t functions.TypeName) (*functions.Function, bool) {
	f := e.functions[t]
	switch {
	case f != nil && f.native == nil:
		return f.Function, true
	case f == nil && e.has(t):
		return &functions.Function{Type: t}, true
	}
	return nil, false
}
