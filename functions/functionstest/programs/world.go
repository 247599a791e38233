package programs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// World is what a run of programs ends in, by address: the model's or a node's.
type World struct {
	Sum     map[string]int64 // of the adds
	Async   map[string]int64 // outcomes of asynchronous work
	List    map[string]int   // entries
	Emitted map[string]int   // egress records
}

// NewWorld returns an empty world.
func NewWorld() *World {
	return &World{map[string]int64{}, map[string]int64{}, map[string]int{}, map[string]int{}}
}

// Apply is the model: it runs a program to its end.
func (w *World) Apply(p *Program) {
	if p.Doom == DoomDrop {
		return
	}
	w.Sum[p.ID] += p.Add
	if p.Append {
		w.List[p.ID]++
	}
	if p.Emit {
		w.Emitted[p.ID]++
	}
	if p.Async {
		w.Async[p.ID]++
	}
	for _, c := range p.Send {
		w.Apply(c)
	}
	for _, c := range p.After {
		w.Apply(c)
	}
}

// Diff says how another world differs, "" if it does not.
func (w *World) Diff(o *World) string {
	var out []string
	for _, id := range w.ids(o) {
		if w.Sum[id] != o.Sum[id] || w.Async[id] != o.Async[id] || w.List[id] != o.List[id] || w.Emitted[id] != o.Emitted[id] {
			out = append(out, fmt.Sprintf("%s: want %s, got %s", id, w.show(id), o.show(id)))
		}
	}
	return strings.Join(out, "\n")
}

// Above says where another world has more at an id than this one, "" if nowhere.
// Nothing in a world ever shrinks.
func (w *World) Above(o *World, id string) string {
	if o.Sum[id] > w.Sum[id] || o.Async[id] > w.Async[id] || o.List[id] > w.List[id] || o.Emitted[id] > w.Emitted[id] {
		return fmt.Sprintf("%s: at most %s, got %s", id, w.show(id), o.show(id))
	}
	return ""
}

// Copy takes over what another world has at an id.
func (w *World) Copy(o *World, id string) {
	w.Sum[id], w.Async[id], w.List[id], w.Emitted[id] = o.Sum[id], o.Async[id], o.List[id], o.Emitted[id]
}

func (w *World) show(id string) string {
	return fmt.Sprintf("sum %d async %d list %d emitted %d", w.Sum[id], w.Async[id], w.List[id], w.Emitted[id])
}

func (w *World) ids(o *World) []string {
	all := map[string]bool{}
	for _, world := range []*World{w, o} {
		for id := range world.Sum {
			all[id] = true
		}
		for id := range world.Emitted {
			all[id] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
