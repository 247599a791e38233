package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

func TestAFunctionThatNeverReturns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var late atomic.Int64
	v := functions.Value("v", functions.String)
	fn := one([]functions.State{v}, func(ctx functions.Context, s string) error {
		if s == "hang" {
			<-release
			late.Add(1)
			v.Set(ctx, "late") // discarded
			return nil
		}
		ctx.Reply(text(v.GetOr(ctx, "-")))
		return nil
	})
	fn.Deadline, fn.MaxAttempts = 50*time.Millisecond, 1
	env := environment.Memory()
	e := open(t, env, Options{Functions: []*functions.Function{fn}, Workers: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := e.Send(ctx, at("x"), text("hang")); err != nil {
		t.Fatal(err)
	}
	// Others go on, on the one worker that there is.
	for i := range 20 {
		if a, err := e.Call(ctx, at(fmt.Sprint(i)), text("get")); err != nil || textOf(t, a) != "-" {
			t.Fatal(a, err)
		}
	}
	// The address is not invoked again before its goroutine has ended.
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	if _, err := e.Call(short, at("x"), text("get")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	close(release)
	if a, err := e.Call(ctx, at("x"), text("get")); err != nil || textOf(t, a) != "-" || late.Load() != 1 {
		t.Fatal(a, err, late.Load())
	}
	var q []Quarantined
	if err := e.Quarantine(func(x Quarantined) bool { q = append(q, x); return true }); err != nil {
		t.Fatal(err)
	}
	if len(q) != 1 || !strings.Contains(q[0].Error, "deadline") {
		t.Fatalf("got %+v", q)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGoexitCountsAsFailure(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		t.Run(fmt.Sprintf("blocking=%t", blocking), func(t *testing.T) {
			fn := one(nil, func(ctx functions.Context, s string) error {
				if s == "exit" {
					runtime.Goexit()
				}
				ctx.Reply(text("alive"))
				return nil
			})
			fn.Blocking, fn.MaxAttempts = blocking, 2
			within(t, Options{Functions: []*functions.Function{fn}, Workers: 1, MaxBlocking: 1}, func(n *node) {
				n.send("x", text("exit"))
				n.send("y", text("exit"))
				pass(time.Second)
				if got := textOf(n.t, n.call("x", text("get"))); got != "alive" {
					n.t.Fatalf("got %q", got)
				}
				if q := n.quarantine(); len(q) != 2 || q[0].Attempts != 2 || !strings.Contains(q[0].Error, "Goexit") {
					n.t.Fatalf("got %+v", q)
				}
			})
		})
	}
}

// Who gives up waiting knows that the message was accepted.
func TestCallWithoutReply(t *testing.T) {
	t.Parallel()
	fn := one(nil, func(functions.Context, string) error { return nil })
	e := open(t, environment.Memory(), Options{Functions: []*functions.Function{fn}})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := e.Call(ctx, at("x"), text("silence")); !errors.Is(err, ErrNoReply) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
