package statefun

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

// TB is the part of testing.TB that a Harness needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// Harness runs a whole node in memory, for tests. A call that does not come to
// its end within ten seconds fails the test.
type Harness struct {
	t    TB
	app  *App
	node *Node

	mu      sync.Mutex
	records map[functions.Egress][]Record
}

// NewHarness starts an application in memory, with egresses that keep what they
// get. The node stops when the test ends.
func NewHarness(t TB, app *App, egresses ...functions.Egress) *Harness {
	t.Helper()
	h := &Harness{t: t, app: app, records: map[functions.Egress][]Record{}}
	app.Config.Environment = environment.Memory()
	app.Config.DataDir, app.Config.HTTP = "/harness", "off"
	if app.Config.Logger == nil {
		app.Config.Logger = slog.New(slog.DiscardHandler)
	}
	for _, id := range egresses {
		app.EgressFunc(id, func(_ context.Context, r Record) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.records[id] = append(h.records[id], r)
			return nil
		})
	}
	h.start()
	t.Cleanup(func() { h.check(h.node.Close()) })
	return h
}

func (h *Harness) start() {
	h.t.Helper()
	ctx, cancel := h.context()
	defer cancel()
	n, err := h.app.Start(ctx)
	if err != nil {
		h.t.Fatalf("harness: %v", err)
	}
	h.node = n
}

func (h *Harness) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 10*time.Second)
}

func (h *Harness) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("harness: %v", err)
	}
}

// Node is the node that runs now.
func (h *Harness) Node() *Node { return h.node }

// Send sends a message as an ingress does, and returns once it is durable.
func (h *Harness) Send(to functions.Address, m functions.Message) {
	h.t.Helper()
	ctx, cancel := h.context()
	defer cancel()
	h.check(h.node.Send(ctx, to, m))
}

// Call sends a message and returns the first reply.
func (h *Harness) Call(to functions.Address, m functions.Message) functions.Message {
	h.t.Helper()
	ctx, cancel := h.context()
	defer cancel()
	a, err := h.node.Call(ctx, to, m)
	h.check(err)
	if a.Failure != "" {
		h.t.Fatalf("harness: %s failed: %s", to, a.Failure)
	}
	return a.Message
}

// Idle waits until nothing is to be done but timers and back-offs.
func (h *Harness) Idle() {
	h.t.Helper()
	ctx, cancel := h.context()
	defer cancel()
	h.check(h.node.Idle(ctx))
}

// Records returns what an egress has got so far. Call Idle first for all of it.
func (h *Harness) Records(id functions.Egress) []Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Record(nil), h.records[id]...)
}

// Restart stops the node and starts it again on the same files.
func (h *Harness) Restart() {
	h.t.Helper()
	h.check(h.node.Close())
	h.start()
}
