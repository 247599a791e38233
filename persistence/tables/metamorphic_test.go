package tables

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestMetamorphic does the same random operations on both implementations and
// on a plain map: the answers are the same.
func TestMetamorphic(t *testing.T) {
	t.Parallel()
	seeds(t, func(t *testing.T, seed uint64) {
		fs := vfs.NewMem()
		p := openPebble(t, fs)
		m := &metamorphic{
			TB: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)),
			tables: map[string]Tables{"Memory": NewMemory(seed%2 == 0), "Pebble": p},
			model:  map[string]string{}, durable: map[string]string{},
		}
		for range 200 {
			m.step()
		}
		for name, tables := range m.tables {
			if err := tables.Close(); err != nil {
				t.Fatalf("seed %d: close %s: %v", seed, name, err)
			}
		}
	})
}

func openPebble(t testing.TB, fs vfs.FS) Tables {
	t.Helper()
	p, err := OpenPebble(Options{FS: fs, Dir: "tables", CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type metamorphic struct {
	testing.TB
	seed   uint64
	rng    *rand.Rand
	tables map[string]Tables

	model, durable map[string]string
	trace          []string
}

func (m *metamorphic) step() {
	switch m.rng.IntN(8) {
	case 0, 1, 2:
		m.apply()
	case 3, 4:
		m.get()
		m.getAll()
	case 5, 6:
		m.scan()
	case 7:
		m.flush()
	}
}

// key draws keys that are often the same, and often prefixes of each other.
func (m *metamorphic) key() []byte {
	k := make([]byte, 1+m.rng.IntN(4))
	for i := range k {
		k[i] = []byte{0, 1, 'a', 'b', 0xff}[m.rng.IntN(5)]
	}
	return k
}

// bounds draws a range, at times empty or upside down.
func (m *metamorphic) bounds() (low, high []byte) {
	low, high = m.key(), m.key()
	if bytes.Compare(low, high) > 0 && m.rng.IntN(8) > 0 {
		low, high = high, low
	}
	return low, high
}

func (m *metamorphic) apply() {
	var b Batch
	n := 1 + m.rng.IntN(10)
	for range n {
		switch m.rng.IntN(8) {
		case 0, 1:
			k := m.key()
			m.note("delete %x", k)
			b.Delete(k)
			delete(m.model, string(k))
		case 2:
			low, high := m.bounds()
			m.note("clear %x %x", low, high)
			b.Clear(low, high)
			maps.DeleteFunc(m.model, func(k, _ string) bool { return inRange(k, low, high) })
		default:
			k, v := m.key(), make([]byte, m.rng.IntN(4)*m.rng.IntN(200))
			for i := range v {
				v[i] = byte(m.rng.Uint32())
			}
			m.note("set %x to %d bytes", k, len(v))
			b.Set(k, v)
			m.model[string(k)] = string(v)
		}
	}
	if b.Len() != n {
		m.Fatalf("the batch has %d writes, expected %d", b.Len(), n)
	}
	for name, t := range m.tables {
		m.must(name, t.Apply(&b))
	}
	b.Reset()
	if b.Len() != 0 {
		m.Fatal("a batch that was reset is not empty")
	}
}

func inRange(k string, low, high []byte) bool {
	return k >= string(low) && (high == nil || k < string(high))
}

func (m *metamorphic) get() {
	k, dst := m.key(), []byte("before")[:m.rng.IntN(7)]
	want, wantOK := m.model[string(k)]
	want = string(dst) + want
	for name, t := range m.tables {
		v, ok, err := t.Get(k, slices.Clip(slices.Clone(dst)))
		m.must(name, err)
		if ok != wantOK || string(v) != want {
			m.fail("%s: Get(%x) is %q %t, expected %q %t", name, k, v, ok, want, wantOK)
		}
	}
}

// getAll looks up several keys at once, some of them twice.
func (m *metamorphic) getAll() {
	keys := make([]string, m.rng.IntN(20))
	for i := range keys {
		keys[i] = string(m.key())
	}
	slices.Sort(keys)
	var want []string
	for i, k := range keys {
		if v, ok := m.model[k]; ok {
			want = append(want, fmt.Sprintf("%d=%x", i, v))
		}
	}
	for name, t := range m.tables {
		var got []string
		m.must(name, t.GetAll(keys, func(i int, v []byte) { got = append(got, fmt.Sprintf("%d=%x", i, v)) }))
		if !slices.Equal(got, want) {
			m.fail("%s: GetAll(%x) is %v, expected %v", name, keys, got, want)
		}
	}
}

// scan reads a range, perhaps not to its end.
func (m *metamorphic) scan() {
	low, high := m.bounds()
	if m.rng.IntN(10) == 0 {
		low = nil
	}
	if m.rng.IntN(10) == 0 {
		high = nil
	}
	limit := 1 + m.rng.IntN(30)
	var want []string
	for _, k := range slices.Sorted(maps.Keys(m.model)) {
		if inRange(k, low, high) && len(want) < limit {
			want = append(want, fmt.Sprintf("%x=%x", k, m.model[k]))
		}
	}
	for name, t := range m.tables {
		var got []string
		m.must(name, t.Scan(low, high, func(k, v []byte) bool {
			got = append(got, fmt.Sprintf("%x=%x", k, v))
			return len(got) < limit
		}))
		if !slices.Equal(got, want) {
			m.fail("%s: Scan(%x, %x) is %v, expected %v", name, low, high, got, want)
		}
	}
}

func (m *metamorphic) flush() {
	if m.rng.IntN(2) == 0 {
		m.note("flush")
		m.durable = maps.Clone(m.model)
		for name, t := range m.tables {
			m.must(name, t.Flush())
		}
	}
	k := m.key()
	want, wantOK := m.durable[string(k)]
	for name, t := range m.tables {
		v, ok, err := t.Flushed(k)
		m.must(name, err)
		if ok != wantOK || string(v) != want {
			m.fail("%s: Flushed(%x) is %x %t, expected %x %t", name, k, v, ok, want, wantOK)
		}
	}
}

func (m *metamorphic) note(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *metamorphic) must(name string, err error) {
	m.Helper()
	if err != nil {
		m.fail("%s: %v", name, err)
	}
}

func (m *metamorphic) fail(format string, args ...any) {
	m.Helper()
	for _, line := range m.trace {
		m.Log(line)
	}
	m.Fatalf("seed %d: "+format, append([]any{m.seed}, args...)...)
}
