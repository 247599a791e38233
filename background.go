package statefun

import (
	"context"
	"sync"
)

// Background adds work that goes on while the application runs, such as reading from
// a source of messages. It begins when the node takes messages; its context ends when
// the node is to take no more, and the stop waits for it. An error that is not nil ends
// the application, unless the context has ended.
func (a *App) Background(work func(context.Context, *Node) error) *App {
	a.background = append(a.background, work)
	return a
}

// background is the work that runs beside a node.
type background struct {
	cancel context.CancelFunc // nil: none was started
	done   sync.WaitGroup
	failed chan error // room for all
}

func (b *background) start(n *Node, work []func(context.Context, *Node) error) {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.failed = cancel, make(chan error, len(work))
	for _, f := range work {
		b.done.Go(func() {
			if err := f(ctx, n); err != nil && ctx.Err() == nil {
				b.failed <- err
			}
		})
	}
}

// stop ends the work and waits for it. It may be called twice.
func (b *background) stop() {
	if b.cancel != nil {
		b.cancel()
		b.done.Wait()
	}
}
