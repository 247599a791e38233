package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// faults lets one change of a file fail, or all from one on.
type faults struct {
	about string // part of the paths
	after int64  // so many succeed
	lasts bool

	seen atomic.Int64
	hit  atomic.Bool
}

func (f *faults) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFileClose || !strings.Contains(op.Path, f.about) {
		return nil
	}
	n := f.seen.Add(1)
	if n <= f.after || n > f.after+1 && !f.lasts {
		return nil
	}
	f.hit.Store(true)
	return fmt.Errorf("%v of %s: %w", op.Kind, op.Path, syscall.ENOSPC)
}

func (*faults) String() string { return "faults" }

// A change of a file that fails stops the node with its reason, wherever it
// comes; what was acknowledged is there when it starts again.
func TestNothingAcknowledgedIsLostToAnErrorOfTheDisk(t *testing.T) {
	t.Parallel()
	for _, about := range []string{"/log/", "/tables/", "/data"} {
		for _, lasts := range []bool{false, true} {
			t.Run(fmt.Sprintf("about=%s/lasts=%t", about, lasts), func(t *testing.T) {
				t.Parallel()
				step := int64(5) // 1 takes minutes
				if testing.Short() {
					step = 17
				}
				for after := rand.Int64N(step); ; after += step {
					f := &faults{about: about, after: after, lasts: lasts}
					if disturbed(t, f); !f.hit.Load() {
						if after < 25 {
							t.Errorf("only %d changes of files", after)
						}
						return
					}
					if t.Failed() {
						t.Fatalf("after %d changes", after)
					}
				}
			})
		}
	}
}

// disturbed runs a node on a disk that fails, and looks what is left.
func disturbed(t *testing.T, f *faults) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	acknowledged := fill(t, errorfs.Wrap(fs, f), f)
	for _, fs := range []vfs.FS{fs.CrashClone(vfs.CrashCloneCfg{}), fs} { // after a power cut, and without
		env := environment.Memory()
		env.FS = fs
		e := open(t, env, disturbedOptions())
		for id, want := range acknowledged {
			a, err := e.Call(t.Context(), functions.Address{Type: "test/counter", ID: id}, functions.Int64.Of(0))
			got, _ := functions.Int64.Decode(a.Message.Value)
			if err != nil || got < want {
				t.Errorf("%s: %d, %v, of which %d were acknowledged", id, got, err, want)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func disturbedOptions() Options {
	return Options{
		Functions: []*functions.Function{bulky()}, Workers: 1, KeyGroups: 4,
		Journal: persistence.Options{Dir: "/data", LogBytes: 32 << 10, MaterializeEvery: time.Millisecond, CacheBytes: 1 << 20},
	}
}

// bulky counts and writes much, so that the log drops segments.
func bulky() *functions.Function {
	fn := counter()
	padding := functions.Value("padding", functions.Bytes("test/padding"))
	fn.States = append(fn.States, padding)
	fn.Handlers = []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
		now := count.Update(ctx, func(v int64) int64 { return v + n })
		padding.Set(ctx, bytes.Repeat([]byte{byte(now)}, 8<<10))
		if _, ok := ctx.Caller(); ok {
			ctx.Reply(functions.Int64.Of(now))
		}
		return nil
	})}
	return fn
}

// fill counts until the node stops, and returns what was acknowledged.
func fill(t *testing.T, fs vfs.FS, f *faults) map[string]int64 {
	t.Helper()
	env := environment.Memory()
	env.FS = fs
	o := disturbedOptions()
	o.Environment, o.Logger = env, slog.New(slog.DiscardHandler)
	e, err := Open(o)
	if err == nil {
		err = e.Start()
	}
	if err != nil {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the node does not start: %v", err)
		}
		if e != nil {
			_ = e.Close() // as errors.Join(err, node.Close()) would
		}
		return nil
	}
	var mu sync.Mutex
	acknowledged := map[string]int64{}
	var senders sync.WaitGroup
	for i := range 3 {
		senders.Go(func() {
			id := fmt.Sprint("id", i)
			for range 40 {
				if e.Send(t.Context(), functions.Address{Type: "test/counter", ID: id}, functions.Int64.Of(1)) != nil {
					return
				}
				mu.Lock()
				acknowledged[id]++
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	stopped := reason(e)
	if err := e.Close(); f.hit.Load() && stopped == nil && err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the node closes with %v", err)
	}
	if stopped != nil && !errors.Is(stopped, syscall.ENOSPC) {
		t.Errorf("the node stopped for another reason: %v", stopped)
	}
	return acknowledged
}

// reason is why an engine has stopped, nil if it has not.
func reason(e *Engine) error {
	select {
	case err := <-e.Failed():
		return err
	default:
		return nil
	}
}

// An error of the log is told to everybody who waits.
func TestAnErrorOfTheLogIsTold(t *testing.T) {
	t.Parallel()
	for _, lasts := range []bool{false, true} {
		t.Run(fmt.Sprintf("lasts=%t", lasts), func(t *testing.T) {
			t.Parallel()
			f := &faults{about: "/log/", after: 1 << 40, lasts: lasts}
			env := environment.Memory()
			env.FS = errorfs.Wrap(vfs.NewMem(), f)
			e := open(t, env, Options{Functions: []*functions.Function{counter()}})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			to := functions.Address{Type: "test/counter", ID: "x"}
			if err := e.Send(ctx, to, functions.Int64.Of(1)); err != nil {
				t.Fatal(err)
			}
			f.seen.Store(f.after)
			if err := e.Send(ctx, to, functions.Int64.Of(1)); err == nil {
				t.Error("acknowledged")
			}
			if err := <-e.Failed(); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, persistence.ErrStopped) {
				t.Errorf("the reason is %v", err)
			}
			if _, err := e.Call(ctx, to, functions.Int64.Of(1)); !errors.Is(err, persistence.ErrStopped) {
				t.Errorf("afterwards: %v", err)
			}
			if err := e.Close(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("closes with %v", err)
			}
		})
	}
}
