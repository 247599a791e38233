package environment

import (
	"context"
	"math/rand/v2"
	"net"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Environment is everything that a node takes from outside. All fields are set.
type Environment struct {
	Clock      Clock
	FS         vfs.FS
	Dispatcher Dispatcher
	Transport  Transport
	Random     Random
}

// Clock tells the time and wakes up later.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once d has passed, on a goroutine of the clock's. f
	// must not block.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending AfterFunc.
type Timer interface {
	// Stop reports whether it kept f from being called.
	Stop() bool
}

// Dispatcher runs the tasks of a node.
type Dispatcher interface {
	// Start registers a task. Its step does a bounded amount of work and
	// reports whether more is waiting; when not, it is called again after a
	// Wake. A task is woken once at its start. Steps of one task never overlap
	// (but see Task.Abandon).
	Start(name string, step func() (more bool)) Task

	// Go runs f, which may block, beside the tasks.
	Go(name string, f func())
}

// Task is a running task.
type Task interface {
	// Wake makes the task's step run (again). It never blocks, may be called
	// from anywhere, and a Wake during a step causes one more. The step sees what
	// was published before, by a lock or atomically: Wake itself is no barrier.
	Wake()

	// Abandon gives up on the step that is now running, because user code in
	// it does not return: a fresh goroutine goes on with the task at once. The
	// old step is expected to find out and to touch nothing of the task's any more.
	// It may be called from the step itself, whose goroutine is about to end. If
	// the task is being stopped, no goroutine is started and Stop waits no longer.
	Abandon()

	// Stop waits for the current step to end; none runs afterwards. It may be
	// called twice, but not from the task's own step.
	Stop()
}

// Transport is the network.
type Transport interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
}

// Random is a source of randomness, safe for concurrent use.
type Random interface {
	rand.Source
	// Read fills p with bytes that nobody can guess (in production).
	Read(p []byte)
}
