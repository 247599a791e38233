package endpoint

import (
	"io"
	"sync"
	"time"
)

// lentBody is a caller's body while net/http has it, which may read it after it has
// returned the response.
type lentBody struct {
	mu    sync.Mutex
	bytes []byte
	back  bool
}

// takeBack makes sure that nobody reads the body any more.
func (b *lentBody) takeBack() {
	b.mu.Lock()
	b.back, b.bytes = true, nil
	b.mu.Unlock()
}

// lentReader reads a body from its start.
type lentReader struct {
	body *lentBody
	off  int
}

func (r *lentReader) Read(p []byte) (int, error) {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	switch {
	case r.body.back:
		return 0, io.ErrUnexpectedEOF
	case r.off == len(r.body.bytes):
		return 0, io.EOF
	}
	n := copy(p, r.body.bytes[r.off:])
	r.off += n
	return n, nil
}

func (*lentReader) Close() error { return nil }

// watchdog calls a function when it was started and neither started again nor
// stopped in time.
type watchdog struct {
	limit time.Duration
	bite  func()

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

func newWatchdog(limit time.Duration, bite func()) *watchdog {
	return &watchdog{limit: limit, bite: bite}
}

// start does nothing after stop.
func (w *watchdog) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopped:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.limit, w.bite)
	default:
		w.timer.Reset(w.limit)
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
