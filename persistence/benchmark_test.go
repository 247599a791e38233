package persistence

import (
	"fmt"
	"sync"
	"testing"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

// BenchmarkAppend appends transactions as workers do, without any grains: each
// consumes a message, changes a small state and sends the next message. What it
// reports are messages that were durable in the end.
func BenchmarkAppend(b *testing.B) {
	for _, addresses := range []int{1000, 100_000} {
		for _, elided := range []bool{true, false} {
			b.Run(fmt.Sprintf("addresses=%d/elided=%t", addresses, elided), func(b *testing.B) {
				benchmarkAppend(b, addresses, elided)
			})
		}
	}
}

const benchmarkWorkers = 2

func benchmarkAppend(b *testing.B, addresses int, elided bool) {
	b.Helper()
	w := newBenchmarkWorkers(b, addresses)
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range benchmarkWorkers {
		all.Go(func() { w.run(i, b.N/benchmarkWorkers, elided) })
	}
	all.Wait()
	w.drain()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	m := w.journal.Metrics()
	b.ReportMetric(float64(m.LogBytesWritten)/float64(b.N), "log-B/message")
	b.StopTimer()
	if err := w.journal.Close(); err != nil {
		b.Fatal(err)
	}
}

type benchmarkJournal struct {
	journal *Journal
	records [benchmarkWorkers][]*Record
	news    sync.Cond
	count   int // of the news

	mu       sync.Mutex
	sequence Sequence
}

func newBenchmarkWorkers(b *testing.B, addresses int) *benchmarkJournal {
	b.Helper()
	w := &benchmarkJournal{}
	w.news.L = &sync.Mutex{}
	env := environment.Real()
	j, err := Open(Options{
		Environment: env, Dir: b.TempDir(), Workers: benchmarkWorkers,
		Deliver: func(messages []*Message) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, m := range messages {
				w.sequence++
				m.Sequence = w.sequence
			}
		},
		Highest: func() Sequence {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.sequence
		},
		Room: w.tell, Synced: func(BatchNumber) { w.tell() },
	})
	if err != nil {
		b.Fatal(err)
	}
	w.journal = j
	for i := range addresses {
		a := functions.Address{Type: greeter, ID: fmt.Sprint(i)}
		k := i % benchmarkWorkers
		w.records[k] = append(w.records[k], NewRecord(a, j.Group(a.ID)))
	}
	j.Start()
	return w
}

// flight is a message on its way, to a record of the worker that sent it.
type flight struct {
	message *Message
	to      *Record
	batch   BatchNumber
}

const (
	together   = 64 // transactions in one append
	mostFlying = 1 << 16
)

// run is one worker: messages go around among its addresses. With elided, each
// is consumed as soon as it can be, which mostly is in the batch that it was sent
// in, and otherwise in a later batch.
func (w *benchmarkJournal) run(worker, n int, elided bool) {
	shard, records := w.journal.Shard(worker), w.records[worker]
	txs := make([]*Transaction, together)
	for i := range txs {
		txs[i] = &Transaction{}
	}
	var flying []flight
	for done := 0; done < n; {
		next := txs[:0]
		open := w.journal.Open()
		for len(next) < together {
			from := records[(done+len(next))%len(records)]
			tx := txs[len(next)]
			tx.Reset()
			if len(flying) > together && (elided || flying[0].batch < open) {
				from = flying[0].to
				tx.Messages = append(tx.Messages, flying[0].message)
				flying = flying[1:]
			} else if len(flying) >= mostFlying {
				break
			}
			to := records[(done+len(next)*7919)%len(records)]
			m := &Message{Target: to.Address, Caller: from.Address, Type: text, Value: make([]byte, 64)}
			tx.Record = from
			tx.Cells = append(tx.Cells, Cell{Spec: 1, Value: make([]byte, 8)})
			tx.Sends = append(tx.Sends, m)
			next = append(next, tx)
			flying = append(flying, flight{message: m, to: to})
		}
		if len(next) == 0 {
			w.wait(func() bool { return w.journal.Open() > open })
			continue
		}
		batch := w.append(shard, next)
		for i := range next {
			flying[len(flying)-1-i].batch = batch
		}
		done += len(next)
	}
}

func (w *benchmarkJournal) append(shard *Shard, txs []*Transaction) (n BatchNumber) {
	w.wait(func() bool {
		var err error
		n, err = shard.Append(txs...)
		return err == nil
	})
	return n
}

// wait tries again whenever a batch was sealed or room was made.
func (w *benchmarkJournal) wait(try func() bool) {
	for {
		w.news.L.Lock()
		seen := w.count
		w.news.L.Unlock()
		if try() {
			return
		}
		w.news.L.Lock()
		for w.count == seen {
			w.news.Wait()
		}
		w.news.L.Unlock()
	}
}

func (w *benchmarkJournal) tell() {
	w.news.L.Lock()
	defer w.news.L.Unlock()
	w.count++
	w.news.Broadcast()
}

// drain waits until everything is durable.
func (w *benchmarkJournal) drain() {
	done := make(chan struct{})
	tx := &Transaction{Durable: []func(){func() { close(done) }}}
	if err := w.journal.Outside().AppendNow(tx); err != nil {
		return
	}
	<-done
}
