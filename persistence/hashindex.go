package persistence

import "math/bits"

// hashIndex finds numbers by hash, by open addressing. At a place is a number plus
// one, or 0 if it is free. Its size is a power of two. A search begins at first and
// goes on with next, up to the number that is wanted or a free place.
type hashIndex []uint32

const minIndex = 256

// indexFor is the size for so many numbers, of which it has two thirds at most.
func indexFor(numbers int) int { return max(minIndex, 1<<bits.Len(uint(numbers)*3/2)) } //nolint:gosec // not negative

// newHashIndex makes an index of a size that has the numbers from 0 up to count.
func newHashIndex(size, count int, hash func(i int) uint32) hashIndex {
	x := make(hashIndex, size)
	for i := range count {
		at := x.first(hash(i))
		for x[at] != 0 {
			at = x.next(at)
		}
		x.set(at, i)
	}
	return x
}

func (x hashIndex) mask() uint32 { return uint32(len(x) - 1) } //nolint:gosec // four billion numbers' records do not fit into memory

func (x hashIndex) first(hash uint32) uint32 { return hash & x.mask() }

func (x hashIndex) next(at uint32) uint32 { return (at + 1) & x.mask() }

func (x hashIndex) set(at uint32, i int) { x[at] = uint32(i + 1) } //nolint:gosec // see mask

// touch brings into the cache what a search begins with. What it returns is that.
func (x hashIndex) touch(hash uint32) uint32 { return x[x.first(hash)] }
