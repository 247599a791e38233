package persistence

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"slices"
)

// recordTable holds the newest value of each record of a generation, by key. Keys
// and values are in an arena, so that the garbage collector has nothing to look
// at, however many records there are; an entry keeps its number, so that whoever
// knows it needs no look-up.
type recordTable struct {
	seed    maphash.Seed
	entries []recordEntry
	index   hashIndex
	arena   arena
	touched uint32 // means nothing, and keeps the compiler from leaving it out
}

type recordEntry struct {
	hash       uint32
	key, value span
	room       uint32 // for the value, where it is
}

// newRecordTable makes an empty table. Tables of one seed have the same hashes.
func newRecordTable(seed maphash.Seed) recordTable {
	return recordTable{seed: seed, index: make(hashIndex, minIndex)}
}

func (t *recordTable) len() int { return len(t.entries) }

func (t *recordTable) key(i int) []byte { return t.arena.bytes(t.entries[i].key) }

func (t *recordTable) value(i int) []byte { return t.arena.bytes(t.entries[i].value) }

// find returns the number of a key's entry, -1 if there is none.
func (t *recordTable) find(key string) int { return t.findHashed(key, hashKey(t.seed, key)) }

func (t *recordTable) findHashed(key string, hash uint32) int {
	i, _ := search(t, key, hash)
	return i
}

func hashKey(seed maphash.Seed, key string) uint32 { return uint32(maphash.String(seed, key)) } //nolint:gosec // half of it is enough

// search returns the number of a key's entry, or -1 and where the index has room
// for it.
func search[K string | []byte](t *recordTable, key K, hash uint32) (entry int, free uint32) {
	for at := t.index.first(hash); ; at = t.index.next(at) {
		i := int(t.index[at]) - 1
		if i < 0 {
			return -1, at
		}
		if e := &t.entries[i]; e.hash == hash && string(t.arena.bytes(e.key)) == string(key) {
			return i, at
		}
	}
}

// add returns the number of a key's entry, of a new one if there is none.
func (t *recordTable) add(key []byte) int {
	return t.addHashed(key, t.hash(key))
}

func (t *recordTable) hash(key []byte) uint32 { return uint32(maphash.Bytes(t.seed, key)) } //nolint:gosec // see hashKey

func (t *recordTable) addHashed(key []byte, hash uint32) int {
	if 4*(len(t.entries)+1) > 3*len(t.index) {
		t.grow()
	}
	i, at := search(t, key, hash)
	if i < 0 {
		i = len(t.entries)
		t.entries = append(t.entries, recordEntry{hash: hash, key: t.arena.add(key)})
		t.index.set(at, i)
	}
	return i
}

// touch and touchHash bring into the cache what set and addHashed will need.
func (t *recordTable) touch(i int) {
	if e := &t.entries[i]; e.room > 0 {
		t.touched += uint32(t.arena.bytes(e.value)[0])
	}
}

func (t *recordTable) touchHash(hash uint32) {
	t.touched += t.index.touch(hash)
}

// near brings into the cache what findHashed will need once the index's place is there.
// What it returns means nothing.
func (t *recordTable) near(hash uint32) uint32 {
	if i := t.index.touch(hash); i > 0 {
		return t.entries[i-1].hash
	}
	return 0
}

func (t *recordTable) grow() { t.resize(2 * len(t.index)) }

// reserve makes room for so many entries.
func (t *recordTable) reserve(entries int) {
	if size := indexFor(entries); size > len(t.index) {
		t.resize(size)
	}
	t.entries = slices.Grow(t.entries, entries)
}

func (t *recordTable) resize(size int) {
	t.index = newHashIndex(size, len(t.entries), func(i int) uint32 { return t.entries[i].hash })
}

// set changes the value of an entry, in place if there is room.
func (t *recordTable) set(i int, value []byte) {
	e := &t.entries[i]
	if n := uint32(len(value)); n <= e.room { //nolint:gosec // a record is a part of a batch
		e.value.n = n
		copy(t.arena.bytes(e.value), value)
		return
	}
	e.value = t.arena.add(value)
	e.room = e.value.n
}

// sorted yields the numbers of all entries in the order of their keys. It sorts
// one key group after the other, by the first bytes in which its keys differ:
// nearly all comparisons then stay within a core's cache.
func (t *recordTable) sorted() iter.Seq[int] {
	groups := t.byGroup()
	return func(yield func(int) bool) {
		var order []sortKey
		for _, some := range groups {
			order = t.sort(order[:0], some)
			for _, k := range order {
				if !yield(int(k.entry)) {
					return
				}
			}
		}
	}
}

// sortKey is an entry with eight bytes of its key.
type sortKey struct {
	head  uint64
	entry uint32
}

// sort appends entries to order in the order of their keys.
func (t *recordTable) sort(order []sortKey, entries []uint32) []sortKey {
	common := t.commonPrefix(entries)
	for _, i := range entries {
		var head [8]byte
		copy(head[:], t.key(int(i))[common:])
		order = append(order, sortKey{binary.BigEndian.Uint64(head[:]), i})
	}
	slices.SortFunc(order, func(a, b sortKey) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return bytes.Compare(t.key(int(a.entry)), t.key(int(b.entry)))
	})
	return order
}

func (t *recordTable) commonPrefix(entries []uint32) int {
	if len(entries) == 0 {
		return 0
	}
	first := t.key(int(entries[0]))
	n := len(first)
	for _, i := range entries[1:] {
		key := t.key(int(i))
		n = min(n, len(key))
		for !bytes.Equal(first[:n], key[:n]) {
			n--
		}
	}
	return n
}

// byGroup returns the numbers of all entries by key group.
func (t *recordTable) byGroup() [][]uint32 {
	var groups [][]uint32
	for i := range t.entries {
		g := int(binary.BigEndian.Uint16(t.key(i)))
		for len(groups) <= g {
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], uint32(i)) //nolint:gosec // see hashIndex.mask
	}
	return groups
}

// memory is about how many bytes the table uses.
func (t *recordTable) memory() int {
	return len(t.entries)*entryBytes + t.arena.size()
}

// room is about how many bytes the table takes, with what it has in reserve.
func (t *recordTable) room() int { return cap(t.entries)*entryBytes + len(t.arena.chunks)*arenaChunk }

// reset empties the table for its next use. A large one gives its memory back if
// little of it was used.
func (t *recordTable) reset() {
	if room := t.room(); room > keptTable && t.memory() < room/4 {
		*t = newRecordTable(t.seed)
		return
	}
	t.entries = t.entries[:0]
	clear(t.index)
	t.arena.reset()
}

const (
	entryBytes = 40      // with its place in the index
	keptTable  = 8 << 20 // bytes, at least
)

// arena is memory that is only given back as a whole.
type arena struct {
	chunks [][]byte // of arenaChunk, or what did not fit into one
	now    int      // the chunk that is being filled
	used   int      // of it
}

const arenaChunk = 1 << 20

// span is a place in an arena.
type span struct {
	chunk, off, n uint32
}

func (a *arena) bytes(s span) []byte { return a.chunks[s.chunk][s.off : s.off+s.n : s.off+s.n] }

// add copies b into the arena.
func (a *arena) add(b []byte) span {
	for a.now < len(a.chunks) && len(a.chunks[a.now])-a.used < len(b) {
		a.now, a.used = a.now+1, 0
	}
	if a.now == len(a.chunks) {
		a.chunks = append(a.chunks, make([]byte, max(arenaChunk, len(b))))
	}
	s := span{uint32(a.now), uint32(a.used), uint32(len(b))} //nolint:gosec // a chunk has less than 4 GiB
	copy(a.bytes(s), b)
	a.used += len(b)
	return s
}

// size is how many bytes are in use, about.
func (a *arena) size() int { return a.now*arenaChunk + a.used }

// reset keeps the memory, but for chunks of odd sizes.
func (a *arena) reset() {
	a.chunks = slices.DeleteFunc(a.chunks, func(c []byte) bool { return len(c) != arenaChunk })
	a.now, a.used = 0, 0
}
