package persistence

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/tables"
)

// layers is a journal of which a test fills the three places where something may
// be: the active generation, the frozen one and the tables.
func layers(t testing.TB) (j *Journal, memory *tables.Memory) {
	t.Helper()
	memory = tables.NewMemory(false)
	j = &Journal{tables: memory}
	j.opts.KeyGroups = 4
	j.inboxes.init(DefaultKeyGroups)
	j.overlay.init()
	j.overlay.freeze()
	return j, memory
}

// layer is what a place says of a row or a record.
type layer int

const (
	nothing layer = iota
	value
	absence // deleted, or an empty record
)

func (l layer) String() string { return []string{"nothing", "a value", "absence"}[l] }

func eachLayering(f func(active, frozen, under layer)) {
	all := []layer{nothing, value, absence}
	for _, active := range all {
		for _, frozen := range all {
			for _, under := range all[:2] {
				f(active, frozen, under)
			}
		}
	}
}

// shown is the first of the places that says something.
func shown(active, frozen, under layer) (name string, ok bool) {
	switch {
	case active != nothing:
		return "active", active == value
	case frozen != nothing:
		return "frozen", frozen == value
	}
	return "under", under == value
}

// The newest place that knows a row says what it is, and that it is gone hides
// what the older ones have.
func TestRowsAreVisibleThroughTheLayers(t *testing.T) {
	t.Parallel()
	j, memory := layers(t)
	o := &j.overlay
	eachLayering(func(active, frozen, under layer) {
		key := fmt.Appendf(nil, "row %d%d%d", active, frozen, under)
		for g, l := range map[*generation]layer{o.active: active, o.frozen: frozen} {
			name := map[*generation]string{o.active: "active", o.frozen: "frozen"}[g]
			if l != nothing {
				g.rows.Set(Row{Key: key, Value: []byte(name), Delete: l == absence})
			}
		}
		if under == value {
			var b tables.Batch
			b.Set(key, []byte("under"))
			if err := memory.Apply(&b); err != nil {
				t.Fatal(err)
			}
		}
	})
	eachLayering(func(active, frozen, under layer) {
		key := fmt.Appendf(nil, "row %d%d%d", active, frozen, under)
		name, want := shown(active, frozen, under)
		got, ok, err := j.Get(key)
		if err != nil || ok != want || ok && string(got) != name {
			t.Errorf("active has %v, frozen %v, the tables %v: got %q %t, expected that of %s, %t", active, frozen, under, got, ok, name, want)
		}
		rows, next, err := j.Scan(PrefixRange(key), 10)
		if err != nil || next != nil || len(rows) == 1 != want || want && string(rows[0].Value) != name {
			t.Errorf("active has %v, frozen %v, the tables %v: Scan got %v, expected that of %s, %t", active, frozen, under, rows, name, want)
		}
	})
}

func TestRecordsAreVisibleThroughTheLayers(t *testing.T) {
	t.Parallel()
	j, memory := layers(t)
	o := &j.overlay
	nudges := map[string]int64{"active": 1, "frozen": 2, "under": 3}
	record := func(active, frozen, under layer) *Record {
		a := greeter.At(fmt.Sprintf("%d%d%d", active, frozen, under))
		return NewRecord(a, j.Group(a.ID))
	}
	encoded := func(l layer, name string) []byte {
		if l == absence {
			return appendRecord(nil, 7, 0, nil)
		}
		return appendRecord(nil, 7, nudges[name], nil)
	}
	eachLayering(func(active, frozen, under layer) {
		r := record(active, frozen, under)
		if under == value {
			var b tables.Batch
			b.Set([]byte(r.key), encoded(under, "under"))
			if err := memory.Apply(&b); err != nil {
				t.Fatal(err)
			}
		}
		if frozen != nothing {
			o.frozen.setRecord(r.key, encoded(frozen, "frozen"))
		}
		if active != nothing {
			setRecord(o, r, encoded(active, "active"))
		}
	})
	var want []string
	eachLayering(func(active, frozen, under layer) {
		r := record(active, frozen, under)
		name, ok := shown(active, frozen, under)
		l, err := j.Load(r)
		if err != nil || l.Nudge != map[bool]int64{true: nudges[name]}[ok] {
			t.Errorf("active has %v, frozen %v, the tables %v: got %+v %v, expected that of %s, %t", active, frozen, under, l, err, name, ok)
		}
		if ok {
			want = append(want, r.Address.ID)
		}
	})
	var got []string
	for g := range j.opts.KeyGroups {
		for _, a := range addresses(t, j, KeyGroup(g)) {
			got = append(got, a.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("Addresses visits %v, expected %v", got, want)
	}
}

// Addresses visits in the order of the keys, wherever the records are, and stops
// when it is told to.
func TestAddressesAreInOrder(t *testing.T) {
	t.Parallel()
	j, memory := layers(t)
	var b tables.Batch
	for i := range 300 {
		a := greeter.At(fmt.Sprintf("%d", i))
		r := NewRecord(a, j.Group(a.ID))
		v := appendRecord(nil, 0, 1, nil)
		switch i % 3 {
		case 0:
			setRecord(&j.overlay, r, v)
		case 1:
			j.overlay.frozen.setRecord(r.key, v)
		}
		if i%3 == 2 || i%5 == 0 {
			b.Set([]byte(r.key), v)
			b.Set(LargeKey(r.Group, a, 1), []byte("not a record"))
			b.Set(append(EntryPrefix(r.Group, a, 1, 1), kindRecord), v)
		}
	}
	if err := memory.Apply(&b); err != nil {
		t.Fatal(err)
	}
	n := 0
	for g := range KeyGroup(j.opts.KeyGroups) {
		all := addresses(t, j, g)
		n += len(all)
		key := func(a functions.Address) string { return string(recordKey(g, a)) }
		if !slices.IsSortedFunc(all, func(x, y functions.Address) int { return cmp.Compare(key(x), key(y)) }) {
			t.Errorf("group %d: not in order: %v", g, all)
		}
		for stop := range all {
			var got []functions.Address
			err := j.Addresses(g, func(a functions.Address) bool {
				got = append(got, a)
				return len(got) <= stop
			})
			if err != nil || !slices.Equal(got, all[:stop+1]) {
				t.Errorf("group %d: stopped after %d: %v, %v", g, stop, got, err)
			}
		}
	}
	if n != 300 {
		t.Errorf("%d addresses were visited, expected 300", n)
	}
}

// setRecord puts a record into the overlay as a batch does.
func setRecord(o *overlay, r *Record, value []byte) {
	var p batchPart
	p.setRecord(r, value)
	o.setRecords(&p, false)
}

// setRecord places a record with a value.
func (p *batchPart) setRecord(r *Record, value []byte) {
	s := p.newSlot(r)
	s.value = len(p.image)
	p.image = append(p.image, value...)
	s.valueEnd = len(p.image)
	p.slots = append(p.slots, s)
}

// A generation has all of a batch or nothing, though others are let in between its
// records.
func TestABatchIsInOneGeneration(t *testing.T) {
	t.Parallel()
	const batches, records = 100, 2000
	j, _ := layers(t)
	j.overlay.thaw()
	var taking sync.WaitGroup
	taking.Go(func() {
		for n := range batches {
			var p batchPart
			for i := range records {
				p.setRecord(NewRecord(greeter.At(strconv.Itoa(i)), 1), strconv.AppendInt(nil, int64(n), 10))
			}
			j.overlay.take(&batch{number: BatchNumber(n + 1), parts: []*batchPart{&p}}, 1)
		}
	})
	for last := BatchNumber(0); last < batches; {
		g := j.freeze()
		if g == nil {
			runtime.Gosched()
			continue
		}
		last = g.last
		if g.records.len() != records {
			t.Errorf("up to batch %d: %d records", last, g.records.len())
		}
		for i := range g.records.len() {
			if v := string(g.records.value(i)); v != strconv.Itoa(int(last-1)) {
				t.Fatalf("up to batch %d: %s is of batch %s", last, g.records.key(i), v)
			}
		}
		j.overlay.thaw()
	}
	taking.Wait()
}

// setRecord takes the value of a record that nobody holds.
func (g *generation) setRecord(key string, value []byte) {
	g.records.set(g.records.add([]byte(key)), value)
}

// record is what a generation has of a record.
func (g *generation) record(key string) []byte { return g.records.value(g.records.find(key)) }

// A record keeps its place in a generation, and gets a new one in the next.
func TestRecordFindsItsEntry(t *testing.T) {
	t.Parallel()
	j, _ := layers(t)
	o := &j.overlay
	r, same := NewRecord(greeter.At("Ada"), 1), NewRecord(greeter.At("Ada"), 1)
	setRecord(o, r, []byte("one"))
	setRecord(o, same, []byte("two"))
	setRecord(o, r, []byte("three"))
	if v, ok := o.record(r.key); !ok || string(v) != "three" || o.active.records.len() != 1 {
		t.Errorf("got %q, %d records", v, o.active.records.len())
	}
	o.thaw()
	frozen := o.freeze()
	setRecord(o, r, []byte("four"))
	if v, _ := o.record(r.key); string(v) != "four" || string(frozen.record(r.key)) != "three" {
		t.Errorf("got %q, frozen is %q", v, frozen.record(r.key))
	}
	// What was handed out stays as it was.
	v, _ := o.record(r.key)
	setRecord(o, r, []byte("5555"))
	if string(v) != "four" {
		t.Errorf("a value that was handed out became %q", v)
	}
}

func TestMergeRows(t *testing.T) {
	t.Parallel()
	rows := func(keys string, from string) (rows []Row) {
		for _, k := range keys {
			rows = append(rows, Row{Key: []byte(string(k)), Value: []byte(from)})
		}
		return rows
	}
	for _, test := range []struct {
		newer, older string
		limit        int
		want         string
	}{
		{"", "", 3, ""},
		{"abc", "", 3, "anbncn"},
		{"", "abc", 3, "aoboco"},
		{"ac", "bd", 9, "anbocndo"},
		{"abc", "abc", 9, "anbncn"},
		{"b", "abc", 9, "aobnco"},
		{"abc", "abc", 2, "anbn"},
		{"ad", "bc", 2, "anbo"},
		{"cd", "ab", 2, "aobo"},
		{"cd", "ab", 3, "aobocn"},
		{"ab", "cd", 3, "anbnco"},
	} {
		got := ""
		for _, r := range mergeRows(rows(test.newer, "n"), rows(test.older, "o"), test.limit) {
			got += string(r.Key) + string(r.Value)
		}
		if got != test.want {
			t.Errorf("newer %q and older %q up to %d: got %q, expected %q", test.newer, test.older, test.limit, got, test.want)
		}
	}
}

// drawLayers fills the places with random rows and returns what is to be seen.
func drawLayers(t testing.TB, rng *rand.Rand, keys int) (*Journal, map[string]string) {
	t.Helper()
	j, memory := layers(t)
	want := map[string]string{}
	var b tables.Batch
	for i := range rng.IntN(2 * keys) {
		k := fmt.Appendf(nil, "%0*d", 1+rng.IntN(2), rng.IntN(keys))
		v := fmt.Appendf(nil, "under %d", i)
		b.Set(k, v)
		want[string(k)] = string(v)
	}
	if err := memory.Apply(&b); err != nil {
		t.Fatal(err)
	}
	generations := []*generation{j.overlay.frozen, j.overlay.active}
	if rng.IntN(3) == 0 {
		j.overlay.frozen = nil
		generations = generations[1:]
	}
	for _, g := range generations {
		for i := range rng.IntN(keys) {
			k := fmt.Appendf(nil, "%0*d", 1+rng.IntN(2), rng.IntN(keys))
			v := fmt.Appendf(nil, "generation %d %d", g.number, i)
			r := Row{Key: k, Value: v, Delete: rng.IntN(3) == 0}
			g.rows.Set(r)
			delete(want, string(k))
			if !r.Delete {
				want[string(k)] = string(v)
			}
		}
	}
	return j, want
}

func inOrder(m map[string]string, r KeyRange) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if inKeyRange(r, []byte(k)) {
			out = append(out, k+"="+m[k])
		}
	}
	return out
}

// A scan, page by page, is what a map that took the same changes holds: whatever
// is spread over the places, and however small the pages.
func TestScanAgainstAMap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, *seedFlag))
		j, model := drawLayers(t, rng, 1+rng.IntN(40))
		r := KeyRange{Low: fmt.Appendf(nil, "%d", rng.IntN(40)), High: fmt.Appendf(nil, "%d", rng.IntN(40))}
		switch rng.IntN(3) {
		case 0:
			r = KeyRange{Low: []byte{}}
		case 1:
			r.High = nil
		}
		want := inOrder(model, r)

		var got []string
		limit := 1 + rng.IntN(8)
		pages := 0
		for rest := r; rest.Low != nil; pages++ {
			rows, next, err := j.Scan(rest, limit)
			if err != nil || len(rows) > limit {
				t.Fatalf("seed %d: %d rows of %d, %v", seed, len(rows), limit, err)
			}
			for _, row := range rows {
				got = append(got, string(row.Key)+"="+string(row.Value))
			}
			rest.Low = next
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d pages of %d: got %v, expected %v", seed, pages, limit, got, want)
		}

		got = nil
		stop := 1 + rng.IntN(50)
		err := j.ScanAll(r, func(row Row) bool {
			got = append(got, string(row.Key)+"="+string(row.Value))
			return len(got) < stop
		})
		if want = want[:min(len(want), stop)]; err != nil || !slices.Equal(got, want) {
			t.Fatalf("seed %d: ScanAll got %v, expected %v, %v", seed, got, want, err)
		}
	}
}

// ScanAll goes on over its own pages, deleted rows at their borders included.
func TestScanAllOverManyPages(t *testing.T) {
	t.Parallel()
	j, memory := layers(t)
	var b tables.Batch
	var want []string
	for i := range 5000 {
		k := fmt.Appendf(nil, "%04d", i)
		switch deleted := i >= 1000 && i < 1100 || i%1024 == 1023; {
		case deleted:
			j.overlay.active.rows.Set(Row{Key: k, Delete: true})
			fallthrough
		case i%3 == 0:
			b.Set(k, []byte("under"))
			if !deleted {
				want = append(want, string(k))
			}
		default:
			j.overlay.frozen.rows.Set(Row{Key: k})
			want = append(want, string(k))
		}
	}
	if err := memory.Apply(&b); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := j.ScanAll(KeyRange{Low: []byte{}}, func(r Row) bool {
		got = append(got, string(r.Key))
		return true
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %d rows, expected %d, %v", len(got), len(want), err)
	}
}

// The rows that a scan hands out are the caller's to keep, whatever the tables
// do with theirs.
func TestScannedRowsAreKept(t *testing.T) {
	t.Parallel()
	j, memory := layers(t)
	var b tables.Batch
	b.Set([]byte("k"), []byte("before"))
	if err := memory.Apply(&b); err != nil {
		t.Fatal(err)
	}
	rows, _, err := j.Scan(KeyRange{Low: []byte("a")}, 10)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	b.Reset()
	b.Set([]byte("k"), []byte("after!"))
	if err := memory.Apply(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(rows[0].Value, []byte("before")) {
		t.Errorf("the row became %q", rows[0].Value)
	}
}

func addresses(t testing.TB, j *Journal, g KeyGroup) []functions.Address {
	t.Helper()
	var out []functions.Address
	err := j.Addresses(g, func(a functions.Address) bool {
		out = append(out, a)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
