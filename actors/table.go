package actors

import (
	"hash/maphash"

	"github.com/statefun-go/statefun/functions"
)

// grainTable finds live grains by address. It is a hash table with open
// addressing and linear probing whose slots hold the hash beside the grain: a
// look-up that hits touches one cache line of it, and a reader that knows the
// hashes of several addresses can look all of them up at once.
type grainTable struct {
	seed  maphash.Seed
	slots []grainSlot // a power of two of them, at most three quarters in use
	n     int
}

type grainSlot struct {
	hash  uint64
	grain *grain // nil: free
}

const minSlots = 64

func newGrainTable(seed maphash.Seed) grainTable {
	return grainTable{seed: seed, slots: make([]grainSlot, minSlots)}
}

// hashOf is seeded, so that nobody can make up ids that meet. Of the types that
// share an id it tells few apart: they are neighbours in the table then.
func hashOf(seed maphash.Seed, a functions.Address) uint64 {
	return maphash.String(seed, a.ID) + uint64(len(a.Type))
}

func (t *grainTable) mask() uint64 { return uint64(len(t.slots) - 1) }

// guess returns what is in the first slot that a hash may be in: nearly always
// the grain that find returns.
func (t *grainTable) guess(hash uint64) *grain { return t.slots[hash&t.mask()].grain }

// find returns the grain of an address, nil if there is none.
func (t *grainTable) find(hash uint64, a functions.Address) *grain {
	for i := hash & t.mask(); ; i = (i + 1) & t.mask() {
		s := &t.slots[i]
		if s.grain == nil || s.hash == hash && s.grain.record.Address == a {
			return s.grain
		}
	}
}

// put adds a grain whose address has none.
func (t *grainTable) put(g *grain) {
	if 4*(t.n+1) > 3*len(t.slots) {
		t.resize(2 * len(t.slots))
	}
	t.n++
	t.insert(g)
}

func (t *grainTable) insert(g *grain) {
	i := g.hash & t.mask()
	for t.slots[i].grain != nil {
		i = (i + 1) & t.mask()
	}
	t.slots[i] = grainSlot{g.hash, g}
}

// shrink gives back what a much larger number of grains has needed.
func (t *grainTable) shrink() {
	size := len(t.slots)
	for size > minSlots && 8*t.n < size {
		size /= 2
	}
	if size < len(t.slots) {
		t.resize(size)
	}
}

func (t *grainTable) resize(size int) {
	old := t.slots
	t.slots = make([]grainSlot, size)
	for i := range old {
		if g := old[i].grain; g != nil {
			t.insert(g)
		}
	}
}

// remove takes a grain out. What was pushed on by it moves back, so that no
// search ends early.
func (t *grainTable) remove(g *grain) {
	i := g.hash & t.mask()
	for t.slots[i].grain != g {
		i = (i + 1) & t.mask()
	}
	t.n--
	for j := i; ; {
		j = (j + 1) & t.mask()
		s := t.slots[j]
		if s.grain == nil {
			break
		}
		// s may fill the hole unless it would come to lie before its home.
		if home := s.hash & t.mask(); (j-home)&t.mask() >= (j-i)&t.mask() {
			t.slots[i], i = s, j
		}
	}
	t.slots[i] = grainSlot{}
}
