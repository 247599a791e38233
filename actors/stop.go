package actors

import (
	"context"
	"errors"
	"time"
)

// Drain refuses what comes from outside and waits until nothing is to be done
// any more, or ctx ends. What is left then goes on at the next start; timers and
// backing-off messages always do.
func (e *Engine) Drain(ctx context.Context) error {
	e.ingress.closed.Store(true)
	return e.Idle(ctx)
}

// Idle waits until nothing but timers and back-offs is under way.
func (e *Engine) Idle(ctx context.Context) error {
	quiet := 0
	for quiet < 2 {
		busy, err := e.busy(ctx)
		if err != nil {
			return err
		}
		if quiet++; busy {
			quiet = 0
		}
		if err := e.pause(ctx, drainPoll); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) pause(ctx context.Context, d time.Duration) error {
	ch := make(chan struct{})
	t := e.env.Clock.AfterFunc(d, func() { close(ch) })
	defer t.Stop()
	select {
	case <-ch:
		return nil
	case <-e.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busy asks every worker whether it has something to do.
func (e *Engine) busy(ctx context.Context) (bool, error) {
	answers := make(chan bool, len(e.workers))
	for _, w := range e.workers {
		w.post(func(w *worker) { answers <- w.busy() })
	}
	busy := e.asyncRunning.Load() > 0 || e.alone.Load() > 0
	for range e.workers {
		select {
		case b := <-answers:
			busy = busy || b
		case <-e.stopped:
			return false, ErrClosed
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	for _, q := range e.queues.byName {
		busy = busy || !q.drained()
	}
	return busy || !e.journal.Settled(), nil
}

// busy reports whether anything but timers and back-offs is under way.
func (w *worker) busy() bool {
	if w.next < len(w.messages) || len(w.staged) > 0 || len(w.toLoad) > 0 || w.resume.unfinished() {
		return true
	}
	if w.held.Load() == 0 {
		return w.directory.loading.Load() > 0 || w.refilling > 0
	}
	busy := false
	w.directory.live(func(g *grain) {
		switch g.status {
		case statusReady:
			busy = busy || !g.inbox.empty()
		case statusBackoff, statusDamaged:
		default:
			busy = true
		}
	})
	return busy
}

// Close stops everything in order, makes durable what was appended and releases
// the files. User code that does not return is left behind after a while.
func (e *Engine) Close() error {
	if !e.shut() {
		return nil
	}
	var err error
	if e.started {
		e.giveUpAlone()
		e.stopWorkers()
		err = e.queues.close()
		e.finalFlush()
		e.shutdown()
	}
	e.reading.Wait()
	err = errors.Join(err, e.journal.Close())
	close(e.stopped)
	return err
}

// Abort leaves the journal as a crash would.
func (e *Engine) Abort() error {
	if !e.shut() {
		return nil
	}
	e.stopWorkers()
	err := e.queues.close()
	e.shutdown()
	e.reading.Wait()
	err = errors.Join(err, e.journal.Abort())
	close(e.stopped)
	return err
}

func (e *Engine) stopWorkers() {
	for _, w := range e.workers {
		w.task.Stop()
		w.timers.alarm.stop()
	}
}

// shut begins to stop; only the first caller may go on.
func (e *Engine) shut() bool {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.closing {
		return false
	}
	e.closing = true
	e.ingress.closed.Store(true)
	e.egressStopped.Store(true)
	e.asyncCancel()
	for _, t := range e.timers {
		t.Stop()
	}
	return true
}

// patienceAtClose is how long Close waits for user code.
const patienceAtClose = 2 * time.Second

func (e *Engine) giveUpAlone() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := e.env.Clock.AfterFunc(patienceAtClose, cancel)
	defer t.Stop()
	for e.alone.Load()+e.asyncRunning.Load() > 0 && e.pause(ctx, drainPoll) == nil {
	}
}

// background runs a read or write of the journal that a worker must not wait
// for. Close waits for it.
func (e *Engine) background(name string, f func()) {
	e.reading.Add(1)
	e.env.Dispatcher.Go(name, func() {
		defer e.reading.Done()
		f()
	})
}

// finalFlush appends what workers have staged, and notes that the stop is clean.
func (e *Engine) finalFlush() {
	for _, w := range e.workers {
		if len(w.staged) > 0 {
			if _, err := w.shard.Append(w.staged...); err != nil {
				e.opts.Logger.Debug("staged transactions are left to the next start", "error", err)
			}
		}
	}
	e.noteStarts(0)
}
