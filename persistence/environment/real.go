package environment

import (
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"net"
	"runtime/pprof"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Real returns the environment of production: the operating system's clock,
// files, network and randomness, and a goroutine per task.
func Real() *Environment {
	return &Environment{
		Clock:      realClock{},
		FS:         vfs.Default,
		Dispatcher: realDispatcher{},
		Transport:  realTransport{},
		Random:     realRandom{},
	}
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

type realDispatcher struct{}

func (realDispatcher) Start(name string, step func() (more bool)) Task {
	return startRealTask(name, step)
}

func (realDispatcher) Go(name string, f func()) { goNamed(name, f) }

// goNamed runs f on a goroutine that profiles show under the name.
func goNamed(name string, f func()) {
	go pprof.Do(context.Background(), pprof.Labels("task", name), func(context.Context) { f() })
}

type realTransport struct{}

func (realTransport) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, network, address)
}

// realRandom draws numbers from the runtime's ChaCha8 generators, which need no
// lock, and bytes from the operating system.
type realRandom struct{}

func (realRandom) Uint64() uint64 { return rand.Uint64() }

func (realRandom) Read(p []byte) {
	_, _ = crand.Read(p) // never fails
}

// Memory returns the real environment with files in memory, for tests.
func Memory() *Environment {
	e := Real()
	e.FS = vfs.NewMem()
	return e
}
