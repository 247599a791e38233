package persistence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/statefun-go/statefun/functions"
)

// stored says which addresses may have rows in the inboxes' sections of the
// tables that nobody in memory knows of: chunks, and windows of former runs. It
// has a fixed size: a bit for many addresses. Bits are only set, until a pass over
// the rows of a key group finds out anew which are needed. Before the first pass
// every address of the group may have rows. Guarded by the mutex of inboxes.
type stored struct {
	groups []storedGroup
}

type storedGroup struct {
	complete bool // all rows have their bits
	passing  bool
	bits     sketch
	next     sketch // what the pass has found so far
}

// sketch is a set of hashes; nil is empty.
type sketch []uint64

const sketchBits = 1 << 16

func (s *sketch) set(h uint64) {
	if *s == nil {
		*s = make(sketch, sketchBits/64)
	}
	h %= sketchBits
	(*s)[h/64] |= 1 << (h % 64)
}

func (s sketch) has(h uint64) bool {
	h %= sketchBits
	return s != nil && s[h/64]&(1<<(h%64)) != 0
}

func (s *stored) init(groups int) { s.groups = make([]storedGroup, groups) }

// mark says that there will be rows of an address.
func (s *stored) mark(g KeyGroup, key string) {
	h, group := xxhash.Sum64String(key), &s.groups[g]
	group.bits.set(h)
	if group.passing {
		group.next.set(h)
	}
}

func (s *stored) maybe(g KeyGroup, key string) bool {
	group := &s.groups[g]
	return !group.complete || group.bits != nil && group.bits.has(xxhash.Sum64String(key))
}

// any reports whether an address may have rows at all.
func (s *stored) any() bool {
	for i := range s.groups {
		if !s.groups[i].complete || s.groups[i].bits != nil {
			return true
		}
	}
	return false
}

// noneStored says that the tables were empty when the journal was opened.
func (s *stored) noneStored() {
	for i := range s.groups {
		s.groups[i].complete = true
	}
}

func (s *stored) begin(g KeyGroup) { s.groups[g].passing, s.groups[g].next = true, nil }

func (s *stored) end(g KeyGroup) {
	group := &s.groups[g]
	*group = storedGroup{complete: true, bits: group.next}
}

// Stored is one step of a pass over the addresses of a key group that have
// messages in the tables. The first step is from nil; next is where to go on, nil
// at the end. It visits a bounded number of rows. Passes over one group must not
// overlap. Whoever activates what the pass finds has activated all inboxes that
// were stored when it began; and activations cost less after it.
func (j *Journal) Stored(g KeyGroup, from []byte) (found []functions.Address, next []byte, err error) {
	in, r := &j.inboxes, prefixRange(groupKey(g, sectionInbox))
	if from == nil {
		in.mu.Lock()
		in.stored.begin(g)
		in.mu.Unlock()
		from = r.Low
	}
	const addresses, rows = 256, 4096
	for n := 0; len(found) < addresses && n < rows; {
		var prefix, key []byte // of the first row, without what follows the address
		scan := j.tables.Scan(from, r.High, func(k, v []byte) bool {
			n++
			if key = k; prefix != nil && bytes.HasPrefix(k, prefix) {
				return n < rows && n%16 != 0 // else seek to the next address
			}
			var a functions.Address
			var rest []byte
			if a, rest, err = checkInboxRow(k, v); err != nil {
				return false
			}
			prefix = append(prefix[:0], k[:len(k)-len(rest)]...)
			if in.find(g, a, rest) {
				found = append(found, a)
			}
			return len(found) < addresses && n < rows
		})
		if err = errors.Join(scan, err); err != nil {
			return nil, nil, err
		}
		if key == nil { // the end
			in.passed(g)
			return found, nil, nil
		}
		from = prefixRange(prefix).High
	}
	return found, from, nil
}

// passed ends a pass.
func (in *inboxes) passed(g KeyGroup) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stored.end(g)
}

// checkInboxRow takes the key of a window or chunk apart, if that is what it is.
func checkInboxRow(k, v []byte) (a functions.Address, rest []byte, err error) {
	if _, a, rest, err = cutAddressKey(k); err != nil {
		return a, nil, err
	}
	isWindow := len(rest) == 1 && rest[0] == inboxWindow
	isChunk := len(rest) == 1+8 && rest[0] == inboxChunk
	if !isWindow && !isChunk {
		return a, nil, fmt.Errorf("%w at %x", errChunk, k)
	}
	d := decoder{b: v}
	if err := d.version(chunkVersion, errChunk); err != nil {
		return a, nil, fmt.Errorf("%w of %s", err, a)
	}
	return a, rest, nil
}

// MayStore reports whether a pass over a key group could find anything.
func (j *Journal) MayStore(g KeyGroup) bool {
	in := &j.inboxes
	in.mu.Lock()
	defer in.mu.Unlock()
	s := &in.stored.groups[g]
	return !s.complete || s.bits != nil
}

// find notes the first row of an address that a pass has found. It reports false
// if it is a window of which somebody knows.
func (in *inboxes) find(g KeyGroup, a functions.Address, rest []byte) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	key := string(recordKey(g, a))
	if len(rest) == 1 && rest[0] == inboxWindow && in.windows[key] != nil {
		return false
	}
	in.stored.groups[g].next.set(xxhash.Sum64String(key))
	return true
}

// inTables reports whether the tables have messages of an address, by its record
// key, in other rows than those that are about to go.
func (j *Journal) inTables(key string, leaving map[string]bool) (bool, error) {
	in, g := &j.inboxes, KeyGroup(binary.BigEndian.Uint16([]byte(key)))
	in.mu.Lock()
	w, maybe := in.windows[key], in.stored.maybe(g, key)
	in.mu.Unlock()
	if w != nil && w.row {
		return true, nil
	}
	if !maybe {
		return false, nil
	}
	prefix := []byte(key[:len(key)-1])
	prefix[2] = sectionInbox
	there := false
	err := j.tables.Scan(prefix, prefixRange(prefix).High, func(k, _ []byte) bool {
		there = !leaving[string(k)]
		return !there
	})
	return there, err
}
