package remote

import (
	"fmt"
	"slices"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// cell is a state of the address as the batch leaves it.
type cell struct {
	name     string
	spec     *functions.StateSpec // nil until it is used
	typename functions.TypeName
	value    []byte
	present  bool
	written  bool
}

// check refuses a spec that does not fit what the runtime sent.
func (c *cell) check(spec *functions.StateSpec) error {
	if c.present && c.typename != spec.Type {
		return fmt.Errorf("state %q is declared with type %q, the request has one of type %q", spec.Name, spec.Type, c.typename)
	}
	if c.spec != nil && c.spec.Type != spec.Type {
		return fmt.Errorf("state %q is of type %q, not %q", spec.Name, c.spec.Type, spec.Type)
	}
	c.spec = spec
	return nil
}

// find returns the cell of a state, nil if the runtime did not send it.
func (b *batch) find(spec *functions.StateSpec) *cell {
	for i := range b.cells {
		if c := &b.cells[i]; c.spec == spec {
			return c
		}
	}
	if i := slices.IndexFunc(b.cells, func(c cell) bool { return c.name == spec.Name }); i >= 0 {
		return &b.cells[i]
	}
	return nil
}

// mutations are what the batch has done to states.
func (b *batch) mutations() (out []protocol.PersistedValueMutation) {
	for i := range b.cells {
		switch c := &b.cells[i]; {
		case !c.written:
		case c.present:
			out = append(out, protocol.PersistedValueMutation{
				MutationType: protocol.Modify, StateName: c.name, StateValue: protocol.ValueOf(c.spec.Type, c.value),
			})
		default:
			out = append(out, protocol.PersistedValueMutation{MutationType: protocol.Delete, StateName: c.name})
		}
	}
	return out
}

// cell returns the cell of a state, or fails the invocation and returns one that
// nobody will see.
func (inv *invocation) cell(spec *functions.StateSpec) *cell {
	if c := inv.batch.find(spec); c != nil {
		err := inv.batch.usable(c, spec)
		if err == nil {
			return c
		}
		inv.Fail(functions.Permanent(err))
		return &cell{}
	}
	inv.Fail(functions.Permanent(fmt.Errorf("remote: %s uses the state %q, which it did not declare", inv.batch.fn.Type, spec.Name)))
	return &cell{}
}

func (b *batch) usable(c *cell, spec *functions.StateSpec) error {
	if c.spec == spec {
		return nil
	}
	if err := onlyValues(spec); err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	if err := c.check(spec); err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	return nil
}

// Register implements functions.Driver. A state that the runtime does not know is
// asked for after the invocation; until then it is absent.
func (inv *invocation) Register(spec *functions.StateSpec) error {
	if err := onlyValues(spec); err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	b := inv.batch
	if c := b.find(spec); c != nil {
		return b.usable(c, spec)
	}
	b.missing = append(b.missing, spec)
	b.cells = append(b.cells, cell{name: spec.Name, spec: spec})
	return nil
}

// GetValue implements functions.Driver.
func (inv *invocation) GetValue(spec *functions.StateSpec) ([]byte, bool) {
	c := inv.cell(spec)
	return c.value, c.present
}

// SetValue implements functions.Driver.
func (inv *invocation) SetValue(spec *functions.StateSpec, value []byte) {
	c := inv.cell(spec)
	c.typename, c.value, c.present, c.written = spec.Type, value, true, true
}

// ClearValue implements functions.Driver.
func (inv *invocation) ClearValue(spec *functions.StateSpec) {
	c := inv.cell(spec)
	c.value, c.present, c.written = nil, false, true
}
