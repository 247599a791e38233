package persistence

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// put stores one large cell and its row, or a small one instead.
func largeCell(r *Record, value string, large bool) *Transaction {
	tx := &Transaction{Record: r, Cells: []Cell{{Spec: 1, Value: []byte(value), Large: large}}}
	tx.Rows = append(tx.Rows, Row{Key: LargeKey(r.Group, r.Address, 1), Value: []byte(value), Delete: !large})
	return tx
}

func (b *bench) cell(id string) string {
	b.Helper()
	l := b.load(id)
	if len(l.Cells) != 1 {
		b.Fatalf("%s has %+v", id, l)
	}
	return string(l.Cells[0].Value)
}

// A large value is a row of its own and read with its record, wherever both are.
func TestLargeCells(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	for i, where := range []func(){b.settle, b.materialize, b.restart, b.crash} {
		for _, large := range []bool{true, false, true} {
			want := fmt.Sprint(i, large, strings.Repeat("x", 5000))
			b.append(largeCell(r, want, large))
			b.settle()
			where()
			r = b.record("Ada")
			if got := b.cell("Ada"); got != want {
				t.Errorf("got %.20q of %d bytes, expected %.20q", got, len(got), want)
			}
		}
	}
	b.append(&Transaction{Rows: []Row{{Key: LargeKey(r.Group, r.Address, 1), Delete: true}}})
	b.settle()
	if _, err := b.Load(r); err == nil || !strings.Contains(err.Error(), "record of example/greeter/Ada refers to a missing value") {
		t.Errorf("got %v", err)
	}
	b.must(b.Close())
}

// Reads from outside meet changes: a large value that goes while its record is
// being read is no damage.
func TestLoadWhileTheRecordChanges(t *testing.T) {
	t.Parallel()
	for _, end := range []*Transaction{{}, {Cells: []Cell{{Spec: 1, Value: []byte("small")}}}} {
		b := setup(t)
		m := &meddled{Tables: b.memory}
		b.opts.Tables = m
		b.start()
		r := b.record("Ada")
		b.append(largeCell(r, "large", true))
		b.materialize()
		b.put("other", "")
		b.materialize()
		b.materialize() // nothing happens: the record is only in the tables now
		m.after = func(_ string, key []byte) {
			if string(key) != r.key {
				return
			}
			m.after = nil
			end.Record = r
			end.Rows = []Row{{Key: LargeKey(r.Group, r.Address, 1), Delete: true}}
			b.append(end)
			b.settle()
		}
		l, err := b.Load(NewRecord(r.Address, r.Group))
		if err != nil || len(l.Cells) != len(end.Cells) || len(l.Cells) > 0 && string(l.Cells[0].Value) != "small" {
			t.Errorf("got %+v %v, expected %+v", l, err, end.Cells)
		}
		b.must(b.Close())
	}
}

// LoadAll says of each record what Load says, wherever it is.
func TestLoadAll(t *testing.T) {
	t.Parallel()
	b := started(t)
	var records []*Record
	for i := range 40 {
		id := fmt.Sprint((i * 7) % 40)
		r := b.record(id)
		records = append(records, NewRecord(r.Address, r.Group))
		switch i % 5 {
		case 0: // was never written
			continue
		case 1:
			b.append(largeCell(r, "large "+id, true))
		default:
			b.append(&Transaction{Record: r, Cells: []Cell{{Spec: 1, Value: []byte(id)}}, Nudge: int64(i)})
		}
		b.settle()
		if i%10 == 9 {
			b.materialize()
		}
	}
	for i, l := range b.LoadAll(records) {
		want, err := b.Load(records[i])
		b.must(err)
		if l.Err != nil || !reflect.DeepEqual(l.Loaded, want) {
			t.Errorf("%s: got %+v %v, expected %+v", records[i].Address, l.Loaded, l.Err, want)
		}
	}
	b.must(b.Close())
}

// What the tables have got is found without them for a while: until many generations
// came later, or nothing happens.
func TestSettledRecordsAreFoundWithoutTheTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reads := 0
	m := &meddled{Tables: b.memory}
	b.opts.Tables = m
	b.start()
	r := b.record("Ada")
	m.before = func(op string, key []byte) {
		if op == "get" && string(key) == r.key {
			reads++
		}
	}
	check := func(when string, nudge int64, want int) {
		t.Helper()
		reads = 0
		if l := b.load("Ada"); l.Nudge != nudge || reads != want {
			t.Errorf("%s: got %+v with %d reads of the tables, expected nudge %d with %d", when, l, reads, nudge, want)
		}
	}
	for n := range int64(3) {
		b.append(&Transaction{Record: r, Nudge: n + 1})
		b.settle()
		b.materialize()
		check("written last", n+1, 0)
	}
	for i := range mostSettled {
		b.put("other", fmt.Sprint(i))
		b.settle()
		b.materialize()
		want := 0
		if i == mostSettled-1 {
			want = 1
		}
		check(fmt.Sprintf("%d generations later", i+1), 3, want)
	}
	b.append(&Transaction{Record: r, Nudge: 4})
	b.settle()
	b.materialize()
	check("written again", 4, 0)
	b.materialize()
	check("when nothing happens", 4, 1)
	b.must(b.Close())
}

// An older generation does not bring back a record that became empty.
func TestASettledRecordThatBecameEmpty(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	for _, nudge := range []int64{1, 0} {
		b.append(&Transaction{Record: r, Nudge: nudge})
		b.settle()
		b.materialize()
	}
	if l := b.load("Ada"); l.Nudge != 0 {
		t.Errorf("got %+v", l)
	}
	b.must(b.Close())
}

// What is read of a record is the reader's: later batches do not change it.
func TestLoadedCellsAreKept(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	for _, v := range []string{"one", "two"} {
		l := b.load("Ada")
		b.append(&Transaction{Record: r, Cells: []Cell{{Spec: 1, Value: []byte(v)}}})
		b.settle()
		if v == "two" && string(l.Cells[0].Value) != "one" {
			t.Errorf("what was loaded became %q", l.Cells[0].Value)
		}
	}
	b.must(b.Close())
}

// A record whose bytes are nonsense is an error that names its address.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	b.put(r.key, "nonsense")
	b.materialize()
	if _, err := b.Load(r); err == nil || !strings.Contains(err.Error(), "malformed record: version 110, this program knows 1 of example/greeter/Ada") {
		t.Errorf("got %v", err)
	}
	b.must(b.Close())
}

// A read that meets a materialization finds what is there, be it on its way from
// the overlay into the tables.
func TestReadsMeetAMaterialization(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := &meddled{Tables: b.memory}
	b.opts.Tables = m
	b.start()
	r := b.record("Ada")
	reads := map[string]func() (found bool){
		"Get":  func() bool { _, ok := b.get("row"); return ok },
		"Load": func() bool { return b.load("Ada").Nudge == 1 },
		"Scan": func() bool {
			rows, _, err := b.Scan(PrefixRange([]byte("row")), 10)
			b.must(err)
			return len(rows) == 1
		},
		"Addresses": func() bool { return len(addresses(t, b.Journal, r.Group)) == 1 },
	}
	for name, read := range reads {
		for _, at := range []string{"before", "after"} {
			b.append(&Transaction{Record: r, Nudge: 1, Rows: []Row{{Key: []byte("row")}}})
			b.settle()
			meet := func(string, []byte) {
				m.before, m.after = nil, nil
				b.materialize()
			}
			if at == "before" {
				m.before = meet
			} else {
				m.after = meet
			}
			if !read() {
				t.Errorf("%s has found nothing, with a materialization %s it has read the tables", name, at)
			}
			m.before, m.after = nil, nil
			b.append(&Transaction{Record: r, Rows: []Row{{Key: []byte("row"), Delete: true}}})
			b.materialize()
		}
	}
	b.must(b.Close())
}
