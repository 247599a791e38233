package persistence

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/persistence/environment"
)

// Law 2: what waits for a transaction is released when its batch is durable and
// reads show it, not before; and in the order of the batches.
func TestReleasedWhenDurable(t *testing.T) {
	t.Parallel()
	b := started(t)
	var released []string
	add := func(i int) BatchNumber {
		key := fmt.Sprint(i)
		tx := &Transaction{Rows: []Row{{Key: []byte(key)}}, Egress: []EgressRecord{{Egress: emails, Key: key}}}
		tx.Durable = append(tx.Durable, func() {
			if _, ok := b.get(key); !ok {
				t.Errorf("the row of %d is not readable", i)
			}
			if n := len(b.egress); n < i || b.egress[i-1].Key != key {
				t.Errorf("the egress record of %d was not released", i)
			}
			if n := len(b.synced); n != 0 && b.synced[n-1] >= b.Durable() {
				t.Errorf("batch %d was called synced before its transactions", b.Durable())
			}
			released = append(released, key)
		})
		return b.append(tx)
	}
	first := add(1)
	if same := add(2); same != first || b.Open() != first {
		t.Errorf("batch %d, expected %d, open is %d", same, first, b.Open())
	}
	b.sim.Run(func() bool { return b.commit.written != nil })
	if next := add(3); next != first+1 || b.Open() != next {
		t.Errorf("batch %d, expected %d, open is %d", next, first+1, b.Open())
	}
	if b.Durable() != 0 || len(released) > 0 || len(b.egress) > 0 || len(b.synced) > 0 {
		t.Errorf("durable %d, released %v, egress %v, synced %v before the first sync", b.Durable(), released, b.egress, b.synced)
	}
	if _, ok := b.get("1"); ok {
		t.Error("a read shows what is not durable")
	}
	b.settle()
	if !slices.Equal(released, []string{"1", "2", "3"}) || !slices.Equal(b.synced, []BatchNumber{first, first + 1}) || b.Durable() != first+1 {
		t.Errorf("released %v, synced %v, durable %d", released, b.synced, b.Durable())
	}
	b.must(b.Close())
}

// Egress records of one batch are released in the order of their sequences,
// whichever shard they came from.
func TestEgressIsReleasedInOrder(t *testing.T) {
	t.Parallel()
	b := started(t)
	shards := []*Shard{b.Outside(), b.Shard(1), b.Shard(0)}
	for i := range 30 {
		tx := &Transaction{Egress: []EgressRecord{{Egress: emails, Key: fmt.Sprint(i)}, {Egress: emails, Key: fmt.Sprint(i)}}}
		_, err := shards[i%3].Append(tx)
		b.must(err)
		if i%7 == 0 {
			b.settle()
		}
	}
	b.settle()
	for i, r := range b.egress {
		if r.Sequence != Sequence(i+1) || r.Key != fmt.Sprint(i/2) {
			t.Errorf("record %d is %+v", i, r)
		}
	}
	rows, _, err := b.Scan(EgressRange(emails), 100)
	if err != nil || len(rows) != 60 || len(b.egress) != 60 {
		t.Errorf("%d records released, %d rows, %v", len(b.egress), len(rows), err)
	}
	b.must(b.Close())
}

// A message that one batch both sends and consumes is nowhere in the log.
func TestElision(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	elided := b.send("Ada", "elided")
	logged := b.send("Ada", "logged")
	n := b.append(&Transaction{Record: r, Messages: elided, Nudge: 1})
	b.settle()
	b.append(&Transaction{Record: r, Messages: logged, Nudge: 2})
	b.settle()
	got := b.logged()
	if strings.Contains(got[n], "elided") || !strings.Contains(got[n], `message 2 example/greeter/Ada io.statefun.types/string "logged"`) {
		t.Errorf("the log has:\n%s", got[n])
	}
	if strings.Contains(got[n+1], "message") || !strings.Contains(got[n+1], "record example/greeter/Ada 2 2") {
		t.Errorf("the log has:\n%s", got[n+1])
	}
	if m := b.Metrics(); m.MessagesSent != 2 || m.MessagesElided != 1 {
		t.Errorf("%d messages were sent and %d elided", m.MessagesSent, m.MessagesElided)
	}
	b.must(b.Close())
}

// A message that the next batch consumes while its own is being encoded belongs
// into the log.
func TestElisionLooksAtTheBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clock := &meddledClock{Clock: b.opts.Environment.Clock}
	b.opts.Environment.Clock = clock
	b.start()
	r := b.record("Ada")
	sent := b.send("Ada", "logged")
	consumed := BatchNumber(0)
	clock.now = func() { // the batch is sealed, not encoded yet
		clock.now = nil
		consumed = b.append(&Transaction{Record: r, Messages: sent, Nudge: 1})
	}
	b.settle()
	if got := b.logged()[1]; consumed != 2 || !strings.Contains(got, "logged") {
		t.Errorf("batch %d consumed it, the first has:\n%s", consumed, got)
	}
	b.must(b.Close())
}

// meddledClock calls a function when it is asked for the time.
type meddledClock struct {
	environment.Clock
	now func()
}

func (c *meddledClock) Now() time.Time {
	if c.now != nil {
		c.now()
	}
	return c.Clock.Now()
}

// However often a batch changes a record, it is in the log once, as the last
// transaction left it; and whatever batches did, in the tables once.
func TestCoalescing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := &meddled{Tables: b.memory}
	b.opts.Tables = m
	b.start()
	ada, bob := b.record("Ada"), b.record("Bob")
	cells := []Cell{{Spec: 1}, {Spec: 2}, {Spec: 3}}
	for batch := range 10 {
		for i := range 20 {
			cells[0].Value = fmt.Appendf(nil, "%d %d", batch, i)
			b.append(&Transaction{Record: ada, Cells: cells[:1+i%3], Rows: []Row{{Key: []byte("row"), Value: cells[0].Value}}})
			b.append(&Transaction{Record: bob, Cells: cells[:(i+batch)%4], Nudge: int64(i)})
		}
		b.settle()
	}
	for n, s := range b.logged() {
		if strings.Count(s, "record") != 2 {
			t.Errorf("batch %d:\n%s", n, s)
		}
		if want := fmt.Sprintf("record example/greeter/Ada 0 0 [{1 false 0 %v} {2 false 0 []}]", fmt.Appendf(nil, "%d 19", n-1)); !strings.Contains(s, want) {
			t.Errorf("batch %d is, expected %s:\n%s", n, want, s)
		}
	}
	if l := b.load("Bob"); l.Nudge != 19 || len(l.Cells) != (19+9)%4 {
		t.Errorf("Bob is %+v", l)
	}
	b.materialize()
	if len(m.sizes) != 1 || m.sizes[0] != 4 {
		t.Errorf("the tables got batches of %v writes, expected one of 4: two records, a row and the marker", m.sizes)
	}
	b.must(b.Close())
}

// The messages of a batch are known before the overlay shows the batch. Else a
// materialization in between would write a marker without them.
func TestMessagesAreShownBeforeTheirBatch(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.send("Ada", "hello")
	b.sim.Run(func() bool { return b.commit.written != nil })
	b.overlay.mu.Lock()
	done := make(chan struct{})
	go func() { // the committer
		defer close(done)
		b.commitStep()
	}()
	deadline := time.Now().Add(10 * time.Second)
	for known := false; !known; {
		b.inboxes.mu.Lock()
		known = len(b.inboxes.waiting) == 1
		b.inboxes.mu.Unlock()
		if time.Now().After(deadline) {
			t.Error("the messages wait until the overlay has shown the batch")
			break
		}
		runtime.Gosched()
	}
	b.overlay.mu.Unlock()
	<-done
	b.settle()
	b.must(b.Close())
}

// What a transaction holds is copied: its struct and slices are used again.
func TestTransactionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	tx := &Transaction{}
	for i := range 100 {
		tx.Reset()
		v := fmt.Append(nil, i)
		tx.Record = r
		tx.Cells = append(tx.Cells, Cell{Spec: 1, Value: v})
		tx.Rows = append(tx.Rows, Row{Key: fmt.Appendf(nil, "row %03d", i), Value: v})
		tx.Sends = append(tx.Sends, &Message{Target: greeter.At("Bob"), Type: text, Value: v})
		tx.Egress = append(tx.Egress, EgressRecord{Egress: emails, Value: v})
		tx.Clears = append(tx.Clears, PrefixRange([]byte("none")))
		tx.Durable = append(tx.Durable, func() {})
		b.append(tx)
		if i%30 == 0 {
			b.settle()
		}
	}
	tx.Reset()
	if tx.Record != nil || len(tx.Cells)+len(tx.Rows)+len(tx.Sends)+len(tx.Egress)+len(tx.Clears)+len(tx.Durable) != 0 {
		t.Errorf("a transaction that was reset is %+v", tx)
	}
	b.crash()
	rows, _, err := b.Scan(PrefixRange([]byte("row")), 1000)
	b.must(err)
	if len(rows) > 100 || len(rows) < 90 {
		t.Errorf("%d rows", len(rows))
	}
	for i, row := range rows {
		if string(row.Value) != fmt.Sprint(i) {
			t.Errorf("row %d is %q", i, row.Value)
		}
	}
	for i, m := range b.inbox(b.record("Bob")) {
		if string(m.Value) != fmt.Sprint(i) {
			t.Errorf("message %d is %q", i, m.Value)
		}
	}
	b.must(b.Close())
}
