package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/actors"
)

// maxBatch messages at most are sent by one append.
const maxBatch = 1024

// flow keeps a number of pieces of work under way in a node. Each begins with a
// message from outside; whoever does the last of it calls end.
//
// A few starters run beside the grains. Each starts as many pieces at once as
// have ended meanwhile, and waits until that is durable: so the disk paces them.
type flow struct {
	// batch makes the messages that n pieces begin with, from number first on. It
	// is called by several goroutines.
	batch    func(first int64, n int) []actors.Outgoing
	inFlight int64
	total    int64 // no more are started, 0: until the context ends

	started atomic.Int64
	ended   atomic.Int64
	last    chan struct{} // closed when all of total have ended
	// wake has an entry when a starter should look again. An entry is made
	// whenever ended is a multiple of wakeEvery, and starters wait only while less
	// than that many pieces may be started, so that another multiple is to come.
	wake      chan struct{}
	wakeEvery int64
}

func newFlow(inFlight, total int64, batch func(first int64, n int) []actors.Outgoing) *flow {
	return &flow{
		batch: batch, inFlight: inFlight, total: total, last: make(chan struct{}),
		wake: make(chan struct{}, starters()), wakeEvery: max(1, min(maxBatch/4, inFlight/64)),
	}
}

// starters is how many appends of new work may wait for the disk at a time.
func starters() int { return 4 * runtime.GOMAXPROCS(0) }

// end notes that a piece of work has ended.
func (f *flow) end() {
	n := f.ended.Add(1)
	if n == f.total {
		close(f.last)
	}
	if n%f.wakeEvery != 0 {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run starts work until ctx ends or there is no more, then waits for the last of it.
func (f *flow) run(ctx context.Context, e *actors.Engine) error {
	var all sync.WaitGroup
	errs := make([]error, starters())
	for i := range errs {
		all.Go(func() { errs[i] = f.start(ctx, e) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return f.settle(e)
}

// runTotal runs all of total, and returns how long it took to its end.
func (f *flow) runTotal(ctx context.Context, e *actors.Engine) (time.Duration, error) {
	begun := time.Now()
	done := make(chan error, 1)
	go func() { done <- f.run(ctx, e) }()
	select {
	case <-f.last:
		took := time.Since(begun)
		return took, <-done
	case err := <-done:
		if err == nil {
			err = context.Cause(ctx)
		}
		return time.Since(begun), err
	}
}

// start is one starter.
func (f *flow) start(ctx context.Context, e *actors.Engine) error {
	for ctx.Err() == nil && !f.exhausted() {
		first, n := f.reserve()
		if n == 0 {
			select {
			case <-f.wake:
			case <-f.last:
			case err := <-e.Failed():
				return err
			case <-ctx.Done():
			}
			continue
		}
		// What was reserved is started, or settle would wait for it.
		if err := e.SendAll(context.WithoutCancel(ctx), f.batch(first, n)); err != nil {
			return fmt.Errorf("starting %d messages: %w", n, err)
		}
	}
	return nil
}

// exhausted reports whether everything was started.
func (f *flow) exhausted() bool { return f.total > 0 && f.started.Load() >= f.total }

// reserve returns how many pieces the caller must start now, and the number of the
// first.
func (f *flow) reserve() (first int64, n int) {
	for {
		started := f.started.Load()
		free := f.inFlight - (started - f.ended.Load())
		if free < f.wakeEvery {
			return 0, 0
		}
		n := min(free, maxBatch)
		if f.total > 0 {
			n = min(n, f.total-started)
		}
		if f.started.CompareAndSwap(started, started+n) {
			return started, int(n)
		}
	}
}

// settleTime is how long the last of the work may take.
const settleTime = time.Minute

func (f *flow) settle(e *actors.Engine) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	if err := e.Idle(ctx); err != nil {
		return fmt.Errorf("waiting for the last of the work: %w", err)
	}
	if started, ended := f.started.Load(), f.ended.Load(); started != ended {
		return fmt.Errorf("%d pieces of work were started, %d have ended", started, ended)
	}
	return nil
}
