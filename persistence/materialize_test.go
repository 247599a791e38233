package persistence

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun/persistence/tables"
)

// A materialization begins after a while, or when enough has come together, and
// not when there is nothing to do.
func TestWhenToMaterialize(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.MaterializeEvery, b.opts.MaterializeBytes = time.Second, 10<<10
	m := &meddled{Tables: b.memory}
	b.opts.Tables = m
	b.start()
	b.put("row", "value")
	if len(m.sizes) != 0 {
		t.Error("materialized at once")
	}
	b.sim.Advance(time.Second)
	if len(m.sizes) != 1 {
		t.Errorf("materialized %d times after a second", len(m.sizes))
	}
	b.sim.Advance(10 * time.Second)
	if len(m.sizes) != 1 {
		t.Errorf("materialized %d times, though there was nothing new", len(m.sizes))
	}
	b.append(rowOf("large", 20<<10))
	b.settle()
	if len(m.sizes) != 2 || b.Metrics().OverlayBytes != 0 {
		t.Errorf("materialized %d times, %d bytes are left", len(m.sizes), b.Metrics().OverlayBytes)
	}
	b.must(b.Close())
	if len(m.sizes) != 2 {
		t.Error("Close has materialized nothing")
	}
}

// However much the start has found in the log, it waits for the timer: the first
// messages are not to wait for a materialization. What comes on top does not.
func TestWhatTheStartHasFoundWaitsForTheTimer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.MaterializeBytes = 1 << 30
	b.start()
	b.append(rowOf("found", 100<<10))
	b.settle()
	b.opts.MaterializeEvery, b.opts.MaterializeBytes, b.opts.OverlayBytes = time.Second, 10<<10, 10<<10
	for name, on := range map[string]func(){
		"the timer": func() { b.sim.Advance(time.Second) },
		"more":      func() { b.append(rowOf("more", 20<<10)); b.settle() },
	} {
		b.crash()
		b.put("row", "value")
		b.settle()
		if n := b.Metrics().Materializations; n != 0 {
			t.Errorf("materialized %d times at once", n)
		}
		if on(); b.Metrics().Materializations != 1 {
			t.Errorf("%s: materialized %d times", name, b.Metrics().Materializations)
		}
	}
	b.must(b.Close())
}

// What the log has is dropped only when the tables hold it durably.
func TestTheLogIsDroppedAfterTheFlush(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.LogBytes, b.opts.MaterializeBytes, b.opts.OverlayBytes = 1<<20, 1<<30, 1<<30
	b.start()
	fill := func(n int) {
		for i := range n {
			b.append(rowOf(fmt.Sprint(i), 10<<10))
			b.settle()
		}
	}
	segments := func() int {
		names, err := b.fs.List(logDir)
		b.must(err)
		return len(names) - 1 // the witness
	}
	fill(11)
	before := segments()
	b.materialize() // less than an eighth of the bound: not worth a flush
	if got := segments(); got != before || before < 2 || b.memory.Unsaved() != 1 {
		t.Errorf("%d of %d segments are left, %d batches not flushed", got, before, b.memory.Unsaved())
	}
	fill(40)
	b.materialize()
	if got := segments(); got != 1 || b.memory.Unsaved() != 0 {
		t.Errorf("%d segments are left, %d batches not flushed", got, b.memory.Unsaved())
	}
	b.crash()
	for i := range 40 {
		if _, ok := b.get(fmt.Sprint(i)); !ok {
			t.Errorf("row %d is gone", i)
		}
	}
	b.must(b.Close())
}

// Cleared rows go from the tables with the next materialization, rows of the
// same batch and empty ranges included. Until then they may be seen.
func TestClears(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(b *bench){
		"at once":                   func(*bench) {},
		"in the next batch":         (*bench).settle,
		"after a crash":             func(b *bench) { b.settle(); b.crash() },
		"after a materialization":   (*bench).materialize,
		"after a restart":           (*bench).restart,
		"after a lost one":          func(b *bench) { b.materialize(); b.crash() },
		"after a flush and a crash": func(b *bench) { b.materialize(); b.flush(); b.crash() },
	} {
		b := started(t)
		b.append(&Transaction{Rows: []Row{{Key: []byte("a1")}, {Key: []byte("a2")}, {Key: []byte("b1")}, {Key: []byte("b2")}, {Key: []byte("now"), Delete: true}}})
		between(b)
		b.append(&Transaction{Clears: []KeyRange{
			PrefixRange([]byte("a")), {Low: []byte("b1"), High: []byte("b1")}, {Low: []byte("b2"), High: []byte("b3")},
		}})
		b.settle()
		b.crash() // the log has it
		b.expectKeys([]byte("b1"))
		for key, want := range map[string]bool{"a1": false, "a2": false, "b1": true, "b2": false} {
			if _, ok := b.get(key); ok != want {
				t.Errorf("%s: %s is there: %t", name, key, ok)
			}
		}
		b.must(b.Close())
	}
}

// A record that is empty goes from the tables, one that is not stays.
func TestEmptyRecordsGo(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	b.append(&Transaction{Record: r, Cells: []Cell{{Spec: 1}}})
	b.expectKeys([]byte(r.key))
	b.append(&Transaction{Record: r, Nudge: 1})
	b.expectKeys([]byte(r.key))
	b.append(&Transaction{Record: r})
	b.expectKeys()
	b.must(b.Close())
}

// Consumption counts only once it is durable: a message that is consumed in a
// batch that a crash loses is there again, however the inboxes were tidied up
// meanwhile.
func TestConsumptionCountsOnceItIsDurable(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	const n = 3 * 4096
	var sent []*Message
	for range n / 64 {
		sent = append(sent, b.send("Ada", make([]string, 64)...)...)
	}
	b.settle()
	b.put("row", "value")
	b.consume(r, sent[:n/2]...)
	b.settle()
	b.put("another", "value")
	b.append(rowOf("written", 1))
	b.sim.Run(func() bool { return b.commit.written != nil })
	b.consume(r, sent[n/2:]...) // in the next batch, which nobody writes
	b.commitStep()              // makes durable what was written
	b.must(b.Journal.materialize(false))
	b.flush()
	b.crash()
	if got := b.inbox(b.record("Ada")); len(got) != n/2 || got[0].Sequence != sent[n/2].Sequence {
		t.Errorf("%d messages are there, expected %d", len(got), n/2)
	}
	b.must(b.Close())
}

// behind are tables whose compactions are far behind.
type behind struct{ tables.Tables }

func (behind) Behind() bool { return true }

// While compactions are behind, what is in the log waits, but for a little now and then.
// If they fail it does not: what is in the node needs the log.
func TestCompactionsThatAreBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.MaterializeEvery = time.Second
	b.opts.Tables = behind{b.memory}
	b.start()
	minute := func() (materialized int) {
		was := b.Metrics().Materializations
		for i := range 60 {
			b.put("row", fmt.Sprint(i))
			b.sim.Advance(time.Second)
		}
		return int(b.Metrics().Materializations - was) //nolint:gosec // few
	}
	if n := minute(); n > 2 {
		t.Errorf("materialized %d times", n)
	}
	b.space.Compacted(errors.New("for a test"))
	if n := minute(); n < 50 {
		t.Errorf("materialized %d times, while compactions fail", n)
	}
	b.space.Compacted(nil)
	if n := minute(); n > 2 {
		t.Errorf("materialized %d times, after one that did not fail", n)
	}
	b.must(b.Close())
}
