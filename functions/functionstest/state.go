package functionstest

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/statefun-go/statefun/functions"
)

func (d *driver) Register(spec *functions.StateSpec) error {
	d.mustRun("Register")
	known := d.specs[spec.Name]
	if known == nil {
		d.specs[spec.Name] = spec
		return nil
	}
	return sameState(known, spec)
}

func (d *driver) GetValue(s *functions.StateSpec) ([]byte, bool) {
	c := d.cell(s)
	return bytes.Clone(c.value), c.value != nil
}

func (d *driver) SetValue(s *functions.StateSpec, value []byte) {
	if value == nil {
		value = []byte{}
	}
	d.write(s).value = value
}

func (d *driver) ClearValue(s *functions.StateSpec) { d.write(s).value = nil }

func (d *driver) ListLen(s *functions.StateSpec) int { return len(d.cell(s).list) }

// ListEntries iterates over the list as it is now.
func (d *driver) ListEntries(s *functions.StateSpec) iter.Seq2[int, []byte] {
	return slices.All(cloneEach(d.cell(s).list))
}

func (d *driver) ListAppend(s *functions.StateSpec, value []byte) {
	c := d.write(s)
	c.list = append(c.list, value)
}

func (d *driver) ListDropFirst(s *functions.StateSpec, n int) {
	c := d.write(s)
	c.list = c.list[min(n, len(c.list)):]
}

func (d *driver) ListClear(s *functions.StateSpec) { d.write(s).list = nil }

func (d *driver) MapEntry(s *functions.StateSpec, key string) ([]byte, bool) {
	value, ok := d.cell(s).entries[key]
	return bytes.Clone(value), ok
}

// MapEntries iterates over the map as it is now.
func (d *driver) MapEntries(s *functions.StateSpec) iter.Seq2[string, []byte] {
	entries := maps.Clone(d.cell(s).entries)
	return func(yield func(string, []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if !yield(key, bytes.Clone(entries[key])) {
				return
			}
		}
	}
}

func (d *driver) MapSet(s *functions.StateSpec, key string, value []byte) {
	c := d.write(s)
	if c.entries == nil {
		c.entries = map[string][]byte{}
	}
	c.entries[key] = value
}

func (d *driver) MapDelete(s *functions.StateSpec, key string) { delete(d.write(s).entries, key) }

func (d *driver) MapClear(s *functions.StateSpec) { d.write(s).entries = nil }

// write is cell for changing it, which restarts the life of an expiring state.
func (d *driver) write(s *functions.StateSpec) *cell {
	c := d.cell(s)
	c.touched = d.kit.now
	return c
}

// cell returns the state that s describes. If s was not declared, it fails the
// invocation and returns one that nobody will see.
func (d *driver) cell(s *functions.StateSpec) *cell {
	d.mustNotHaveEnded("use of state")
	states, specs := d.states, d.specs
	if d.outside {
		states, specs = d.kit.live(d.self.ID), d.kit.specs
	}
	if err := declared(specs, s, d.self.Type); err != nil {
		d.Fail(err)
		return &cell{}
	}
	c := states[s.Name]
	if c == nil {
		c = &cell{touched: d.kit.now}
		states[s.Name] = c
	}
	return c
}

func declared(specs map[string]*functions.StateSpec, s *functions.StateSpec, fn functions.TypeName) error {
	known := specs[s.Name]
	if known == nil {
		return fmt.Errorf("functionstest: state %q is not declared by %s: add it to Function.States, or register it", s.Name, fn)
	}
	return sameState(known, s)
}

func sameState(known, s *functions.StateSpec) error {
	if known == s || known.Kind == s.Kind && known.Type == s.Type {
		return nil
	}
	return fmt.Errorf("functionstest: state %q is a %v of %s, not a %v of %s", s.Name, known.Kind, known.Type, s.Kind, s.Type)
}

func cloneEach(list [][]byte) [][]byte {
	out := make([][]byte, len(list))
	for i, b := range list {
		out[i] = bytes.Clone(b)
	}
	return out
}
