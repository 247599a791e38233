package persistence

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statefun-go/statefun/persistence/tables"
)

// flush makes what is in the tables survive a crash.
func (b *bench) flush() {
	b.Helper()
	b.must(b.memory.Flush())
}

// consume appends the transaction that consumes messages and leaves no state.
func (b *bench) consume(r *Record, messages ...*Message) BatchNumber {
	b.Helper()
	return b.append(&Transaction{Record: r, Messages: messages})
}

func (b *bench) expect(got []*Message, want ...string) {
	b.Helper()
	if !slices.Equal(values(got), want) {
		b.Errorf("got %v, expected %v", values(got), want)
	}
}

// expectKeys compares the keys in the tables after a materialization, the marker
// aside.
func (b *bench) expectKeys(want ...[]byte) {
	b.Helper()
	b.put("now", "")
	b.materialize()
	expected := []string{string(markerKey), "now"}
	for _, k := range want {
		expected = append(expected, string(k))
	}
	slices.Sort(expected)
	if got := b.keys(); !slices.Equal(got, expected) {
		b.Errorf("the tables have %x, expected %x", got, expected)
	}
}

// expectNothing checks that the inboxes remember nothing and the tables have no
// row of theirs.
func (b *bench) expectNothing() {
	b.Helper()
	b.expectKeys()
	in := &b.inboxes
	if h := held(in.waiting, b.Durable()); len(h)+len(in.windows)+len(in.tracked)+in.recovered.left+len(in.adopted) != 0 {
		b.Errorf("held %v, windows %v, tracked %v, recovered %v", h, in.windows, in.tracked, in.recovered.left)
	}
}

// Messages that wait in memory are in the tables' windows at every marker. What
// is consumed afterwards does not come back, and in the end nothing is left.
func TestWindows(t *testing.T) {
	t.Parallel()
	b := started(t)
	ada := b.record("Ada")
	sent := b.send("Ada", "one", "two", "three")
	b.send("Bob", "hello")
	b.materialize()
	b.flush()
	b.consume(ada, sent[0])
	b.settle()
	b.send("Ada", "four")
	b.settle()

	for i := range 2 {
		b.crash()
		if w := b.waiting(); len(w) != 2 {
			t.Errorf("%v waits", w)
		}
		ada = b.record("Ada")
		b.expect(b.inbox(ada), "two", "three", "four")
		if i == 0 {
			b.materialize() // adopted messages stay in the window
			b.flush()
		}
	}
	b.expect(b.inbox(ada)) // they have been handed out
	bob := b.record("Bob")
	b.consume(bob, b.inbox(bob)...)
	b.expectKeys([]byte(ada.key), windowKey(ada.Group, ada.Address))
	b.restart()
	ada = b.record("Ada")
	b.consume(ada, b.inbox(ada)...)
	b.expectNothing()
	b.must(b.Close())
}

// A batch that becomes durable while the tables are being written is in the
// window, which is then ahead of the marker, and in the log: its messages are
// there once, nevertheless.
func TestAWindowAheadOfTheMarker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clock := &meddledClock{Clock: b.opts.Environment.Clock}
	b.opts.Environment.Clock = clock
	b.start()
	ada := b.record("Ada")
	sent := b.send("Ada", "one", "two")
	b.settle()
	b.materializer.due.Store(true)
	clock.now = func() { // the overlay is frozen, the windows are not written yet
		clock.now = nil
		b.send("Ada", "three", "four")
		b.consume(ada, sent[0])
		for b.commitStep() {
		}
	}
	b.materializeStep()
	b.flush()
	if v, ok, _ := b.memory.Get(markerKey, nil); !ok || clock.now != nil {
		t.Fatal("nothing was materialized")
	} else if m, err := decodeMarker(v); err != nil || m.batch != 1 || b.Durable() != 2 {
		t.Errorf("the marker is %+v, %v, batch %d is durable", m, err, b.Durable())
	}
	b.crash()
	ada = b.record("Ada")
	got := b.inbox(ada)
	b.expect(got, "two", "three", "four")
	b.consume(ada, got...)
	b.expectNothing()
	b.must(b.Close())
}

// Messages that arrive beside a window that nobody has read yet: a
// materialization in between keeps both.
func TestMessagesBesideAnUnreadWindow(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.send("Ada", "one", "two")
	b.restart()
	arrived := b.send("Ada", "three")
	b.materialize()
	ada := b.record("Ada")
	got := b.inbox(ada)
	b.expect(got, "one", "two") // the third was delivered
	b.consume(ada, got[0])
	b.materialize()
	b.flush()
	b.crash()
	ada = b.record("Ada")
	b.expect(b.inbox(ada), "two", "three")
	b.must(b.Close())
	_ = arrived
}

// spill sends messages in batches and spills them.
func (b *bench) spill(r *Record, from, to int) []*Message {
	b.Helper()
	var all []*Message
	for i := from; i <= to; i++ {
		all = append(all, b.send(r.Address.ID, fmt.Sprint(i))...)
		if i%7 == 0 {
			b.settle()
		}
	}
	b.settle()
	b.must(b.Spill(Spilling{r, all}))
	return all
}

func numbers(from, to int) []string {
	var out []string
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// Spilled messages are read back in order, chunk by chunk; what is consumed does
// not come back, and a chunk goes with its last message.
func TestSpill(t *testing.T) {
	t.Parallel()
	b := started(t)
	ada := b.record("Ada")
	head := b.send("Ada", "0")
	b.spill(ada, 1, 600)
	tail := b.send("Ada", "601")
	b.settle()

	b.consume(ada, head...)
	var chunks [][]byte
	for i := 1; i <= 600; i += maxChunkMessages {
		chunks = append(chunks, chunkKey(ada.Group, ada.Address, Sequence(i+1)))
	}
	b.expectKeys(append(chunks, []byte(ada.key), windowKey(ada.Group, ada.Address))...)

	first, more, err := b.ReadInbox(ada, ada.Consumed(), false, 64)
	b.must(err)
	b.expect(first, numbers(1, 256)...)
	second, more2, err := b.ReadInbox(ada, first[len(first)-1].Sequence, false, 64)
	b.must(err)
	b.expect(second, numbers(257, 512)...)
	third, more3, err := b.ReadInbox(ada, second[len(second)-1].Sequence, false, 64)
	b.must(err)
	b.expect(third, numbers(513, 600)...)
	end, more4, err := b.ReadInbox(ada, third[len(third)-1].Sequence, false, 64)
	b.must(err)
	b.expect(end)
	if !more || !more2 || !more3 || more4 {
		t.Errorf("more is %t %t %t %t", more, more2, more3, more4)
	}

	b.consume(ada, first...)
	b.consume(ada, second[:100]...)
	b.expectKeys(chunks[1], chunks[2], []byte(ada.key), windowKey(ada.Group, ada.Address))
	b.consume(ada, second[100:200]...)
	b.settle()
	b.crash()
	ada = b.record("Ada")
	got := b.inbox(ada)
	b.expect(got, append(numbers(457, 600), "601")...)
	if len(tail) != 1 || ada.Consumed() != second[199].Sequence {
		t.Errorf("consumed up to %d", ada.Consumed())
	}
	b.consume(ada, got...)
	b.expectNothing()
	b.must(b.Close())
}

// A chunk is written into the tables at once and may be ahead of the marker: the
// log has its messages too, and each is there once.
func TestAChunkAheadOfTheMarker(t *testing.T) {
	t.Parallel()
	for _, flushed := range []bool{true, false} {
		b := started(t)
		ada := b.record("Ada")
		b.put("something", "old")
		b.materialize()
		head := b.send("Ada", "0")
		b.spill(ada, 1, 20)
		b.send("Ada", "21")
		b.consume(ada, head...)
		b.settle()
		if flushed {
			b.flush()
		}
		b.crash()
		if w := b.waiting(); len(w) != 1 {
			t.Errorf("%v waits", w)
		}
		ada = b.record("Ada")
		got := b.inbox(ada)
		b.expect(got, numbers(1, 21)...)
		b.consume(ada, got[:10]...)
		b.materialize()
		b.crash()
		ada = b.record("Ada")
		got = b.inbox(ada)
		b.expect(got, numbers(11, 21)...)
		b.consume(ada, got...)
		b.append(&Transaction{Rows: []Row{{Key: []byte("something"), Delete: true}}})
		b.expectNothing()
		b.must(b.Close())
	}
}

// Messages between chunks come in their place.
func TestRecoveredMessagesBetweenChunks(t *testing.T) {
	t.Parallel()
	b := started(t)
	ada := b.record("Ada")
	b.spill(ada, 1, 5)
	b.send("Ada", "6", "7")
	b.settle()
	b.spill(ada, 8, 12)
	b.send("Ada", "13")
	b.settle()
	b.flush()
	b.crash()
	ada = b.record("Ada")
	got := b.inbox(ada)
	b.expect(got, numbers(1, 13)...)
	b.consume(ada, got...)
	b.expectNothing()
	b.must(b.Close())
}

// A chunk is bounded in messages and bytes, but has at least one message.
func TestChunkLength(t *testing.T) {
	t.Parallel()
	message := func(size int) *Message { return &Message{Value: make([]byte, size)} }
	for _, test := range []struct{ count, size, want int }{
		{1, 10, 1},
		{maxChunkMessages, 10, maxChunkMessages},
		{maxChunkMessages + 1, 10, maxChunkMessages},
		{10, 2 * maxChunkBytes, 1},
		{10, maxChunkBytes / 2, 2},
	} {
		var messages []*Message
		for range test.count {
			messages = append(messages, message(test.size))
		}
		if got := chunkLength(messages); got != test.want {
			t.Errorf("%d of %d bytes: got %d, expected %d", test.count, test.size, got, test.want)
		}
	}
}

// A record that has consumed nothing says nothing about what waits.
func TestARecordThatConsumedNothing(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.send("Ada", "one")
	b.settle()
	b.append(&Transaction{Record: b.record("Ada"), Nudge: 1})
	b.settle()
	b.crash()
	b.expect(b.inbox(b.record("Ada")), "one")
	b.must(b.Close())
}

// drop consumes everything that an address has, unread.
func (b *bench) drop(r *Record, seen []*Message) {
	b.Helper()
	chunks, recovered, err := b.DropInbox(r)
	b.must(err)
	tx := &Transaction{Record: r, Messages: append(slices.Clone(seen), recovered...), Chunks: chunks}
	if n := len(seen); n > 0 {
		tx.Skip = seen[n-1].Sequence
	}
	b.append(tx)
	b.settle()
}

// What was dropped unread does not come back, whatever it was in: memory, chunks
// that nobody has read, a window of a former run, the log.
func TestDropInbox(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(b *bench, r *Record) (seen []*Message){
		"memory": func(b *bench, _ *Record) []*Message { return b.send("Ada", "one", "two") },
		"chunks": func(b *bench, r *Record) []*Message {
			b.spill(r, 1, 600)
			return b.send("Ada", "601")
		},
		"chunks only": func(b *bench, r *Record) []*Message {
			b.spill(r, 1, 600)
			return nil
		},
		"chunks read in part": func(b *bench, r *Record) []*Message {
			b.spill(r, 1, 600)
			messages, _, err := b.ReadInbox(r, 0, true, 64)
			b.must(err)
			return messages
		},
		"window": func(b *bench, _ *Record) []*Message {
			b.send("Ada", "one", "two")
			b.restart()
			return nil
		},
		"log": func(b *bench, _ *Record) []*Message {
			b.send("Ada", "one", "two")
			b.settle()
			b.crash()
			return nil
		},
	} {
		for _, materialized := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/materialized=%t", name, materialized), func(t *testing.T) {
				t.Parallel()
				b := started(t)
				seen := before(b, b.record("Ada"))
				b.settle()
				b.drop(b.record("Ada"), seen)
				if materialized {
					b.materialize()
				}
				b.flush()
				b.crash()
				ada := b.record("Ada")
				b.expect(b.inbox(ada))
				more := b.send("Ada", "more")
				b.consume(ada, more...)
				b.expectNothing()
				b.must(b.Close())
			})
		}
	}
}

// What is consumed is forgotten, at a constant cost per message.
func TestConsumedMessagesAreForgotten(t *testing.T) {
	t.Parallel()
	b := started(t)
	r := b.record("Ada")
	most := 0
	for range 300 {
		sent := b.send("Ada", make([]string, 100)...)
		b.settle()
		b.consume(r, sent...)
		most = max(most, len(b.inboxes.waiting))
	}
	if most > 5000 {
		t.Errorf("%d messages were remembered", most)
	}
	b.must(b.Close())
}

// A window or chunk that makes no sense is an error, not an empty inbox.
func TestAMalformedInbox(t *testing.T) {
	t.Parallel()
	b := started(t)
	b.send("Ada", "one")
	b.restart()
	r := b.record("Ada")
	b.must(b.setRow(windowKey(r.Group, r.Address), []byte{chunkVersion, 9}))
	if _, _, err := b.ReadInbox(r, 0, true, 64); err == nil || !strings.Contains(err.Error(), "inbox of example/greeter/Ada: persistence: malformed inbox chunk") {
		t.Errorf("got %v", err)
	}
	b.must(b.setRow(chunkKey(r.Group, r.Address, 1), []byte{chunkVersion, 9}))
	if _, _, err := b.DropInbox(r); err == nil {
		t.Error("a malformed chunk was dropped")
	}
	b.must(b.Abort())
}

// The tables forget a record that is empty, and with it how far its inbox was
// consumed. A crash may bring back what it was consumed from, but not the
// messages.
func TestAForgottenRecordDoesNotBringMessagesBack(t *testing.T) {
	t.Parallel()
	b := started(t)
	ada := b.record("Ada")
	b.consume(ada, b.send("Ada", "one")...)
	sent := b.send("Ada", "two", "three")
	b.materialize()
	b.flush()
	b.consume(ada, sent...)
	b.materialize() // forgets
	if l := b.load("Ada"); l.Consumed != 0 {
		t.Errorf("got %+v", l)
	}
	b.append(&Transaction{Record: b.record("Ada"), Nudge: 1})
	b.settle()
	b.crash()
	ada = b.record("Ada")
	b.expect(b.inbox(ada))
	if l := b.load("Ada"); l.Nudge != 1 || l.Consumed != 3 {
		t.Errorf("got %+v", l)
	}
	b.consume(ada, b.send("Ada", "four")...)
	b.expectNothing()
	b.must(b.Close())
}

// The same with a chunk that was consumed by a former run: the tables have the
// only word about it.
func TestAForgottenRecordDoesNotBringAChunkBack(t *testing.T) {
	t.Parallel()
	b := started(t)
	ada := b.record("Ada")
	b.consume(ada, b.spill(ada, 1, 10)...)
	b.settle()
	b.flush()
	b.crash()
	b.materialize()
	b.flush() // the chunk, and the record
	b.expect(b.inbox(b.record("Ada")))
	b.put("now", "")
	b.materialize() // forgets
	if l := b.load("Ada"); l.Consumed != 0 {
		t.Errorf("got %+v", l)
	}
	b.append(&Transaction{Record: b.record("Ada")})
	b.settle()
	b.crash()
	b.expect(b.inbox(b.record("Ada")))
	b.expectNothing()
	b.must(b.Close())
}

// setRow writes into the tables directly.
func (j *Journal) setRow(key, value []byte) error {
	var b tables.Batch
	b.Set(key, value)
	return j.tables.Apply(&b)
}
