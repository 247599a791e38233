package http

import (
	"context"
	"sync"
	"time"

	"github.com/statefun-go/statefun/actors"
)

// backlogs looks at what waits for whoever asks, not more often than once a second:
// it costs the node something.
type backlogs struct {
	meter Meter

	mu   sync.Mutex // held while one is made
	last actors.Backlog
	at   time.Time
}

const (
	backlogAge     = time.Second
	backlogTimeout = 2 * time.Second
)

// get does not change what it has returned before.
func (b *backlogs) get() actors.Backlog {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() || time.Since(b.at) > backlogAge {
		// Of nobody's request: others may wait for it, too.
		ctx, cancel := context.WithTimeout(context.Background(), backlogTimeout)
		defer cancel()
		b.last = b.meter.Backlog(ctx)
		b.at = time.Now()
	}
	return b.last
}
