package bench

import (
	"context"
	"errors"
	"time"

	"github.com/statefun-go/statefun/actors"
)

// phase is the part of a run that is measured.
type phase struct {
	warmup, duration time.Duration
	profiles         *profiles
	count            func() int64 // of messages so far
	observe          func() (end func())
}

// measureFor starts work for the warm-up and the duration of a phase, then waits for
// the last of it.
func (f *flow) measureFor(ctx context.Context, e *actors.Engine, p phase) (u usage, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- f.run(ctx, e) }()
	if err = pause(ctx, done, p.warmup); err == nil {
		u, err = p.measure(ctx, e, done)
	}
	stop()
	return u, errors.Join(err, <-done)
}

func (p *phase) measure(ctx context.Context, e *actors.Engine, done chan error) (usage, error) {
	finish, err := p.profiles.cover()
	if err != nil {
		return usage{}, err
	}
	end := func() {}
	if p.observe != nil {
		end = p.observe()
	}
	before, counted := takeSnapshot(e), p.count()
	err = pause(ctx, done, p.duration)
	u := takeSnapshot(e).since(before, p.count()-counted)
	end()
	return u, errors.Join(err, finish())
}

// pause waits for d. It ends early with an error if ctx ends or done has one,
// which it leaves there.
func pause(ctx context.Context, done chan error, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case err := <-done:
		done <- nil
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
