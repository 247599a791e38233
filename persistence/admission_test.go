package persistence

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statefun-go/statefun/persistence/environment"
)

func rowOf(key string, size int) *Transaction {
	return &Transaction{Rows: []Row{{Key: []byte(key), Value: make([]byte, size)}}}
}

// At the batch's bound a shard refuses, without a trace, until Room is called;
// what cannot wait goes in nevertheless.
func TestAFullBatchRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.BatchBytes = 1000
	b.start()
	n := 0
	var err error
	for err == nil {
		_, err = b.Outside().Append(rowOf(fmt.Sprint(n), 100))
		n++
	}
	b.mustBe(err, ErrFull)
	if n < 5 || n > 10 {
		t.Errorf("refused number %d of 100 bytes", n)
	}
	tx := rowOf("refused", 1)
	tx.Durable = append(tx.Durable, func() { t.Error("a refused transaction was released") })
	tx.Sends = []*Message{{Target: greeter.At("Ada"), Type: text}}
	tx.Egress = []EgressRecord{{Egress: emails}}
	_, err = b.Outside().Append(rowOf("with", 1), tx)
	b.mustBe(err, ErrFull)
	b.must(b.Outside().AppendNow(rowOf("now", 1)))
	b.append(&Transaction{Record: NewRecord(greeter.At("Ada"), 0), Nudge: 1}) // its shard has room

	if b.rooms != 0 || len(b.delivered) != 0 {
		t.Errorf("Room was called %d times, %d messages delivered", b.rooms, len(b.delivered))
	}
	b.settle()
	if b.rooms != 1 {
		t.Errorf("Room was called %d times after the batch was sealed", b.rooms)
	}
	b.append(rowOf("after", 1))
	b.settle()
	for key, want := range map[string]bool{"0": true, "refused": false, "with": false, "now": true, "after": true} {
		if _, ok := b.get(key); ok != want {
			t.Errorf("row %q is there: %t", key, ok)
		}
	}
	if len(b.egress) != 0 || b.rooms != 1 {
		t.Errorf("%d egress records, Room was called %d times", len(b.egress), b.rooms)
	}
	b.must(b.Close())
}

// Large transactions are bounded together, whatever shard they go to, but one of
// any size is let in.
func TestLargeTransactionsAreBoundedTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.BatchBytes = 3 << 20
	b.start()
	large := func(shard, size int) error {
		_, err := b.Shard(shard).Append(rowOf(fmt.Sprint(size), size))
		return err
	}
	b.must(large(0, 4<<20))
	b.mustBe(large(1, 1<<20), ErrFull)
	b.must(large(1, 1000))
	b.settle()
	if b.rooms != 1 {
		t.Errorf("Room was called %d times", b.rooms)
	}
	b.must(large(0, 3<<19))
	b.mustBe(large(1, 2<<20), ErrFull)
	b.must(large(1, 5<<18))
	b.mustBe(large(1, 5<<18), ErrFull)
	b.settle()
	b.must(large(1, 4<<20))
	b.must(b.Close())
}

// A large value is in its row, and its cell only says so.
func TestALargeValueIsCountedOnce(t *testing.T) {
	t.Parallel()
	tx := rowOf("x", 1<<20)
	tx.Record, tx.Cells = NewRecord(greeter.At("Ada"), 0), []Cell{{Large: true, Value: tx.Rows[0].Value}, {Value: make([]byte, 1000)}}
	if n := tx.Size() - 1<<20; n < 1000 || n > 2000 {
		t.Errorf("1 MiB and %d bytes", n)
	}
}

// At the log's bound appends wait until the tables hold, durably, what the log
// can then forget.
func TestAFullLogRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.opts.LogBytes, b.opts.MaterializeBytes, b.opts.OverlayBytes = 200<<10, 1<<30, 1<<30
	m := &meddled{Tables: b.memory}
	b.opts.Tables = m
	b.start()
	b.settle()
	full, flushed := false, 0
	m.before = func(operation string, _ []byte) {
		switch operation {
		case "flush":
			flushed++
		case "apply":
			_, err := b.Outside().Append(rowOf("refused", 1))
			b.mustBe(err, ErrFull)
			b.must(b.Outside().AppendNow(rowOf("now", 1)))
			full = true
		}
	}
	for i := range 100 {
		_, err := b.Outside().Append(rowOf(fmt.Sprint(i), 10<<10))
		b.must(err)
		b.settle()
		if size := b.log.Size(); size > 400<<10 {
			t.Fatalf("the log has %d bytes after %d", size, i)
		}
	}
	if !full || flushed < 3 || b.rooms < flushed {
		t.Errorf("full %t, flushed %d times, Room was called %d times", full, flushed, b.rooms)
	}
	if b.logFull.Load() {
		t.Error("the log is full")
	}
	m.before = nil
	b.must(b.Close())
}

// Whoever is refused in the moment in which room is made hears of it, too.
func TestRoomIsNeverMissed(t *testing.T) {
	t.Parallel()
	rooms := 0
	opts := Options{Environment: environment.Memory(), BatchBytes: 1000, Room: func() { rooms++ }}
	j := &Journal{opts: opts, space: newSpace(&opts)}
	s := &Shard{journal: j, part: &batchPart{}}
	const rounds = 30_000
	var begun, ended atomic.Int64 // rounds, of the one who makes room
	var maker sync.WaitGroup
	maker.Go(func() { // as truncate does
		for i := range int64(rounds) {
			for begun.Load() <= i {
				runtime.Gosched()
			}
			j.logFull.Store(false)
			j.signalRoom()
			ended.Store(i + 1)
		}
	})
	for i := range int64(rounds) {
		j.logFull.Store(true)
		j.wanted.Store(false)
		rooms = 0
		begun.Store(i + 1)
		for range i % 40 { // meet it at different places
			_ = j.wanted.Load()
		}
		err := j.admit(s, nil)
		for ended.Load() <= i {
			runtime.Gosched()
		}
		if errors.Is(err, ErrFull) && rooms == 0 {
			t.Errorf("round %d: refused, and Room was not called", i)
			begun.Store(rounds)
			break
		}
	}
	maker.Wait()
}
