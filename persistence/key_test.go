package persistence

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/functions"
)

func TestGoldenKeys(t *testing.T) {
	a, g := greeter.At("Ada"), KeyGroup(0x0102)
	var s strings.Builder
	for _, k := range []struct {
		name string
		key  []byte
	}{
		{"record", recordKey(g, a)},
		{"record of an empty id", recordKey(g, greeter.At(""))},
		{"large value", LargeKey(g, a, 7)},
		{"entry", append(EntryPrefix(g, a, 7, 300), "key"...)},
		{"attempt", AttemptKey(g, a)},
		{"window", windowKey(g, a)},
		{"chunk", chunkKey(g, a, 300)},
		{"timer", TimerKey(g, 1<<40, 300)},
		{"token", TokenKey(g, "Ada", "token")},
		{"async", AsyncKey(g, a, 300)},
		{"quarantine", QuarantineKey(g, a, 300)},
		{"marker", markerKey},
		{"state", specKey(7)},
		{"position", MetaKey("egress position/example/emails")},
		{"egress", EgressKey(emails, 9)},
	} {
		fmt.Fprintf(&s, "%s %x\n", k.name, k.key)
	}
	for _, id := range []string{"", "Ada", "äöü", strings.Repeat("x", 100)} {
		fmt.Fprintf(&s, "group of %q %d of 128, %d of %d\n", id, GroupOf(id, DefaultKeyGroups), GroupOf(id, MaxKeyGroups), MaxKeyGroups)
	}
	compareGolden(t, filepath.Join("testdata", "keys.txt"), s.String())
}

// keyCase is a key with what it stands for, of one section and group.
type keyCase struct {
	group    KeyGroup
	address  functions.Address
	sequence uint64
	due      int64
}

// drawAddress draws from a space in which addresses are often the same, or
// prefixes of each other, in one part or across the border of the two.
func drawAddress(r *rand.Rand) functions.Address {
	parts := []string{"", "a", "b", "ab", "\x00", "\x00\x01", "\xff", "aa", "/", "\x00\x00\x00\x01a"}
	return functions.Address{
		Type: functions.TypeName("n/" + parts[r.IntN(len(parts))] + parts[r.IntN(len(parts))]),
		ID:   parts[r.IntN(len(parts))] + parts[r.IntN(len(parts))],
	}
}

func drawNumber(r *rand.Rand) uint64 {
	return []uint64{0, 1, 255, 256, 1 << 31, 1<<32 + 1, math.MaxInt64}[r.IntN(7)] - r.Uint64N(2)&1
}

func drawCase(r *rand.Rand) keyCase {
	return keyCase{
		group:   KeyGroup([]uint16{0, 1, 127, 255, 256, MaxKeyGroups - 1}[r.IntN(6)]),
		address: drawAddress(r), sequence: drawNumber(r), due: int64(drawNumber(r) & math.MaxInt64),
	}
}

// The order of keys is the order of what they stand for, and different things
// have different keys.
func TestKeysAreInOrder(t *testing.T) {
	t.Parallel()
	sections := map[string]func(c keyCase) []byte{
		"chunk":      func(c keyCase) []byte { return chunkKey(c.group, c.address, Sequence(c.sequence)) },
		"async":      func(c keyCase) []byte { return AsyncKey(c.group, c.address, Sequence(c.sequence)) },
		"quarantine": func(c keyCase) []byte { return QuarantineKey(c.group, c.address, Sequence(c.sequence)) },
		"entries":    func(c keyCase) []byte { return EntryPrefix(c.group, c.address, 7, c.sequence) },
		"large":      func(c keyCase) []byte { return LargeKey(c.group, c.address, SpecID(c.sequence)) },
		"timer":      func(c keyCase) []byte { return TimerKey(c.group, c.due, Sequence(c.sequence)) },
		"egress":     func(c keyCase) []byte { return EgressKey(c.address.Type, Sequence(c.sequence)) },
	}
	r := rand.New(rand.NewPCG(*seedFlag, 0))
	for range 20000 {
		x, y := drawCase(r), drawCase(r)
		switch r.IntN(3) {
		case 0:
			y.group, y.address = x.group, x.address
		case 1:
			y.group = x.group
		}
		for name, key := range sections {
			sx, sy := x, y
			switch name {
			case "timer":
				sx.address, sy.address = functions.Address{}, functions.Address{}
			case "egress":
				sx.group, sy.group, sx.address.ID, sy.address.ID = 0, 0, "", ""
			case "large":
				sx.sequence, sy.sequence = x.sequence&math.MaxUint32, y.sequence&math.MaxUint32
			}
			if name != "timer" {
				sx.due, sy.due = 0, 0
			}
			got := bytes.Compare(key(x), key(y))
			if (got == 0) != (sx == sy) {
				t.Fatalf("%s: the keys of %+v and %+v compare as %d", name, sx, sy, got)
			}
			if want, ok := compareCases(sx, sy); ok && got != want {
				t.Fatalf("%s: the keys of %+v and %+v compare as %d, expected %d", name, sx, sy, got, want)
			}
		}
	}
}

// compareCases says how two keys must compare: by group, address, due time and
// sequence. Of two addresses either may come first, but all that is one's is
// together.
func compareCases(x, y keyCase) (order int, ok bool) {
	switch {
	case x.group != y.group:
		return compare(x.group, y.group), true
	case x.address != y.address:
		return 0, false
	case x.due != y.due:
		return compare(x.due, y.due), true
	}
	return compare(x.sequence, y.sequence), true
}

func compare[T KeyGroup | int64 | uint64](x, y T) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// No address is a prefix of another, so that what belongs to one is one range.
func TestAnAddressIsOneRange(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(*seedFlag, 1))
	for range 50000 {
		a, b := drawAddress(r), drawAddress(r)
		ka, kb := appendAddress(nil, a), appendAddress(nil, b)
		if prefix := bytes.HasPrefix(kb, ka); prefix != (a == b) {
			t.Fatalf("the key of %q is a prefix of that of %q: %t", a, b, prefix)
		}
		key := append(EntryPrefix(3, b, 1, 2), "key"...)
		if in := inKeyRange(AddressRange(3, a), key); in != (a == b) {
			t.Fatalf("an entry of %q is in the range of %q: %t", b, a, in)
		}
		if in := inKeyRange(EgressRange(a.Type), EgressKey(b.Type, 1)); in != (a.Type == b.Type) {
			t.Fatalf("a record of %q is in the queue of %q: %t", b.Type, a.Type, in)
		}
		if x, y := TokenKey(1, a.ID, b.ID), TokenKey(1, b.ID, a.ID); bytes.Equal(x, y) != (a.ID == b.ID) {
			t.Fatalf("the tokens (%q, %q) and (%q, %q) have keys %x and %x", a.ID, b.ID, b.ID, a.ID, x, y)
		}
	}
}

func inKeyRange(r KeyRange, k []byte) bool {
	return bytes.Compare(k, r.Low) >= 0 && (r.High == nil || bytes.Compare(k, r.High) < 0)
}

// The ranges of different things are disjoint; a group's lie together, and the
// journal's own come after the last group.
func TestSectionsAreDisjoint(t *testing.T) {
	t.Parallel()
	a := greeter.At("Ada")
	ranges := func(g KeyGroup) map[string]KeyRange {
		return map[string]KeyRange{
			"addresses":  AddressesRange(g),
			"inbox":      prefixRange(groupKey(g, sectionInbox)),
			"timers":     TimerRange(g),
			"tokens":     prefixRange(groupKey(g, sectionToken)),
			"async":      AsyncRange(g),
			"quarantine": QuarantineRange(g),
			"meta":       PrefixRange(MetaKey("")),
			"egress":     EgressRange(emails),
		}
	}
	for _, g := range []KeyGroup{0, 255, MaxKeyGroups - 1} {
		keys := map[string][][]byte{
			"addresses":  {recordKey(g, a), LargeKey(g, a, 1), EntryPrefix(g, a, 1, 1), AttemptKey(g, a)},
			"inbox":      {windowKey(g, a), chunkKey(g, a, 1)},
			"timers":     {TimerKey(g, 0, 0), TimerKey(g, math.MaxInt64, math.MaxUint64)},
			"tokens":     {TokenKey(g, "", ""), TokenKey(g, "Ada", "t")},
			"async":      {AsyncKey(g, a, 1)},
			"quarantine": {QuarantineKey(g, a, 1)},
			"meta":       {markerKey, specKey(1)},
			"egress":     {EgressKey(emails, 0), EgressKey(emails, math.MaxUint64)},
		}
		for of, list := range keys {
			for _, k := range list {
				for in, r := range ranges(g) {
					if got := inKeyRange(r, k); got != (of == in) {
						t.Errorf("group %d: %x of %s is in the range of %s: %t", g, k, of, in, got)
					}
				}
				if g+1 < MaxKeyGroups && inKeyRange(ranges(g + 1)[of], k) && of != "meta" && of != "egress" {
					t.Errorf("%x of group %d is in group %d", k, g, g+1)
				}
			}
		}
	}
}

func TestKeysAreTakenApart(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(*seedFlag, 2))
	for range 1000 {
		c := drawCase(r)
		s := Sequence(c.sequence)
		g, a, rest, err := cutAddressKey(chunkKey(c.group, c.address, s))
		if err != nil || g != c.group || a != c.address || len(rest) != 9 || TailSequence(rest) != s {
			t.Fatalf("%+v became %d %q %x %v", c, g, a, rest, err)
		}
		if a, got, err := CutAddressSequence(AsyncKey(c.group, c.address, s)); err != nil || a != c.address || got != s {
			t.Fatalf("%+v became %q %d %v", c, a, got, err)
		}
		if g, due, got, err := CutTimerKey(TimerKey(c.group, c.due, s)); err != nil || g != c.group || due != c.due || got != s {
			t.Fatalf("%+v became %d %d %d %v", c, g, due, got, err)
		}
	}
	for _, k := range [][]byte{nil, {0}, {0, 1, 'a'}, {0, 1, 'a', 0}, {0, 1, 'a', 0, 1, 'x', 0, 0, 0}, {0, 1, 'a', 0, 0, 0xff, 0xff, 0xff, 0xff}} {
		if _, _, _, err := cutAddressKey(k); err == nil {
			t.Errorf("%x was taken apart", k)
		}
		if _, _, err := CutAddressSequence(k); err == nil {
			t.Errorf("%x was taken apart as that of a sequence", k)
		}
		if _, _, _, err := CutTimerKey(k); err == nil {
			t.Errorf("%x was taken apart as that of a timer", k)
		}
	}
	if _, _, err := CutAddressSequence(recordKey(1, greeter.At("Ada"))); err == nil {
		t.Error("the key of a record was taken for that of a sequence")
	}
	if _, _, _, err := CutTimerKey(AsyncKey(1, functions.Address{}, 0)[:19]); err == nil {
		t.Error("another key was taken for that of a timer")
	}
}

func TestPrefixRange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ prefix, high []byte }{
		{[]byte{1, 2}, []byte{1, 3}},
		{[]byte{1, 0xff}, []byte{2}},
		{[]byte{1, 0xff, 0xff}, []byte{2}},
		{[]byte{0xff}, nil},
		{nil, nil},
	} {
		prefix := slices.Clone(test.prefix)
		r := PrefixRange(prefix)
		if !bytes.Equal(r.Low, test.prefix) || !bytes.Equal(r.High, test.high) || (r.High == nil) != (test.high == nil) {
			t.Errorf("the range of %x is %x to %x, expected high %x", test.prefix, r.Low, r.High, test.high)
		}
		if !bytes.Equal(prefix, test.prefix) {
			t.Errorf("the prefix %x was changed to %x", test.prefix, prefix)
		}
	}
}

// The ids of a few thousand instances are spread evenly.
func TestGroupsAreEven(t *testing.T) {
	t.Parallel()
	count := make([]int, DefaultKeyGroups)
	for i := range 100 * DefaultKeyGroups {
		count[GroupOf(fmt.Sprintf("user-%d", i), DefaultKeyGroups)]++
	}
	if least, most := slices.Min(count), slices.Max(count); least < 60 || most > 150 {
		t.Errorf("groups have between %d and %d ids of 100 on average", least, most)
	}
}
