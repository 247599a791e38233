package functionstest

import (
	"maps"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// instance holds the states of one id, by name.
type instance map[string]*cell

// cell is one state of one instance, of whatever kind.
type cell struct {
	value   []byte // nil: absent
	list    [][]byte
	entries map[string][]byte
	touched time.Time // what its expiration counts from
}

// expire removes the states whose time is over.
func (in instance) expire(specs map[string]*functions.StateSpec, now time.Time) {
	maps.DeleteFunc(in, func(name string, c *cell) bool {
		s := specs[name]
		return s.Mode != functions.ExpireNever && !now.Before(c.touched.Add(s.TTL))
	})
}

// touch restarts the life of the states that last while their address is in use.
func (in instance) touch(specs map[string]*functions.StateSpec, now time.Time) {
	for name, c := range in {
		if specs[name].Mode == functions.ExpireAfterInvoke {
			c.touched = now
		}
	}
}

func (in instance) clone() instance {
	out := make(instance, len(in))
	for name, c := range in {
		out[name] = &cell{c.value, slices.Clone(c.list), maps.Clone(c.entries), c.touched}
	}
	return out
}

func (c *cell) empty() bool { return c.value == nil && len(c.list) == 0 && len(c.entries) == 0 }
