package demo

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/statefun-go/statefun/examples/fraud/generator"
)

// load makes up transactions and sends them. Its counters may be read while it
// runs.
type load struct {
	client    *client
	generator *generator.Generator
	positions *positions
	rate      int
	room      chan struct{} // has an element for each transaction under way
	senders   sync.WaitGroup

	mu       sync.Mutex
	counts   counts
	recent   latencies // since the last snapshot
	all      latencies // until the last snapshot
	refusals error     // the first
}

// counts are totals of this run.
type counts struct {
	accepted uint64 // for certain
	again    uint64 // of those, sent by an earlier run too, perhaps
	answered uint64 // with a verdict
	alerts   uint64 // of those that were not sent again
	retries  uint64
	behind   time.Duration // by which the load is late
	last     *suspicion
}

// suspicion is the last alert.
type suspicion struct {
	event       generator.Event
	probability float64
}

// maxUnderWay bounds how many transactions are under way, and connections.
const maxUnderWay = 256

func newLoad(base string, g *generator.Generator, p *positions, rate int) *load {
	l := &load{generator: g, positions: p, rate: rate, room: make(chan struct{}, maxUnderWay)}
	l.client = newClient(base, maxUnderWay, func() { l.count(func(c *counts) { c.retries++ }) })
	return l
}

func (l *load) count(f func(c *counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.counts)
}

// run sends what an earlier run may have sent, at once, and then more at the rate,
// until stop ends. It returns when all that was sent is settled, or work has
// ended.
func (l *load) run(work, stop context.Context) error {
	stop, halt := context.WithCancel(stop)
	defer halt()
	halted := context.AfterFunc(work, halt)
	defer halted()
	reserving, cancel := context.WithCancel(work)
	defer cancel()
	var reserver sync.WaitGroup
	reserver.Go(func() { l.positions.keepReserving(reserving) })
	l.again(work)
	l.paced(work, stop)
	l.senders.Wait()
	cancel()
	reserver.Wait()
	l.client.close()
	return errors.Join(l.refused(), l.positions.close())
}

// again sends what an earlier run left open. That is not subject to stop: until it
// is settled nobody knows what was accepted.
func (l *load) again(work context.Context) {
	for l.positions.left() && l.next(work, work, time.Now()) {
	}
}

// tolerated is how late the load may be before it gives up to catch up.
const tolerated = time.Second

// paced sends at the rate. The time of a transaction counts from when it was due,
// if all others kept it from being sent then.
func (l *load) paced(work, stop context.Context) {
	begin := time.Now()
	for n := 0; ; n++ {
		due := begin.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
		if early := time.Until(due); early > 0 {
			_ = wait(stop, early) // next looks whether it ended
			due = time.Now()      // timers are late, for which the node can do nothing
		} else if -early > tolerated {
			begin, due = begin.Add(-early), due.Add(-early)
			l.count(func(c *counts) { c.behind += -early })
		}
		if !l.next(work, stop, due) {
			return
		}
	}
}

// next sends one transaction, in the background, as soon as there is room for it.
// It reports false if stop or work ends before, or something is wrong.
func (l *load) next(work, stop context.Context, began time.Time) bool {
	select {
	case l.room <- struct{}{}:
	case <-stop.Done():
		return false
	}
	if stop.Err() != nil || work.Err() != nil || l.refused() != nil {
		<-l.room
		return false
	}
	position, err := l.positions.take(stop)
	if err != nil {
		<-l.room
		return false
	}
	l.senders.Go(func() {
		defer func() { <-l.room }()
		l.send(work, position, began)
	})
	return true
}

// refused is the reason why a transaction was refused, if one was.
func (l *load) refused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusals
}

// send sends the transaction at a position and, if the holder of the account
// complains about it, the confirmation that it was a fraud. When both are accepted
// the position is settled.
func (l *load) send(work context.Context, position uint64, began time.Time) {
	e := l.generator.At(position)
	o, err := l.client.transaction(work, e)
	if err == nil {
		l.note(e, o, time.Since(began))
	}
	if err == nil && e.Confirmed {
		err = l.client.confirm(work, e)
	}
	switch {
	case err == nil:
		l.positions.settle(position)
	case work.Err() == nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.refusals == nil {
			l.refusals = err
		}
	}
}

func (l *load) note(e generator.Event, o outcome, took time.Duration) {
	again := l.positions.wasSent(e.Position)
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.counts
	c.accepted++
	if o.answered {
		c.answered++
	}
	if again { // the answer may be of long ago
		c.again++
		return
	}
	l.recent.add(took)
	if o.verdict.Alert {
		c.alerts++
		c.last = &suspicion{e, o.verdict.FraudProbability}
	}
}

// snapshot returns the counters, and the latencies since the last snapshot.
func (l *load) snapshot() (counts, latencies) {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.recent
	l.all.plus(&recent)
	l.recent = latencies{}
	return l.counts, recent
}

// underWay is the number of transactions that are not settled.
func (l *load) underWay() int { return len(l.room) }
