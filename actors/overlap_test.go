package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// Things that happen while something else is under way.

// Work that resumed messages begin at a start is not taken for work that a
// former run left behind.
func TestAsynchronousWorkIsSettledBeforeTheStart(t *testing.T) {
	const addresses = 64
	var hold atomic.Bool
	hold.Store(true)
	var results, unknown atomic.Int64
	work := functions.Async("work", functions.String, functions.String)
	fn := &functions.Function{Type: testType, MaxAttempts: 1 << 30, Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, s string) error {
			if hold.Load() {
				return errors.New("not yet")
			}
			work.Start(ctx, s, func(context.Context) (string, error) { return "x", nil })
			return nil
		}),
		functions.OnResult(work, func(_ functions.Context, r functions.Result[string, string]) error {
			results.Add(1)
			if r.Status == functions.AsyncUnknown {
				unknown.Add(1)
			}
			return nil
		}),
	}}
	o := Options{Functions: []*functions.Function{fn}, Workers: 2, FirstBackoff: time.Hour, LastBackoff: time.Hour}
	within(t, o, func(n *node) {
		for i := range addresses {
			n.send(fmt.Sprint(i), text("a"))
		}
		if err := n.Abort(); err != nil {
			n.t.Fatal(err)
		}
		hold.Store(false)
		n.Engine = open(n.t, n.env, n.o)
		pass(time.Minute)
		if results.Load() != addresses || unknown.Load() != 0 {
			n.t.Errorf("%d results of %d, %d of them unknown", results.Load(), addresses, unknown.Load())
		}
	})
}

// slowTimers are tables in which reading timers waits for a gate.
type slowTimers struct {
	tables.Tables
	gate chan struct{}
}

func (s *slowTimers) Scan(low, high []byte, visit func(k, v []byte) bool) error {
	if len(low) > 2 && low[2] == 't' {
		<-s.gate
	}
	return s.Tables.Scan(low, high, visit)
}

// A timer that is set and fires while its key group's timers are being read is in
// what was read, but fires once.
func TestATimerFiresOnceWhileTimersAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		close(g.open)
		env := environment.Real()
		env.FS = errorfs.Wrap(vfs.NewMem(), g)
		var fired atomic.Int64
		fn := one(nil, func(ctx functions.Context, s string) error {
			if s == "set" {
				ctx.SendAfter(150*time.Millisecond, ctx.Self(), text("fired"))
			} else {
				fired.Add(1)
			}
			return nil
		})
		slow := &slowTimers{Tables: tables.NewMemory(false), gate: make(chan struct{})}
		e := open(t, env, Options{
			Functions: []*functions.Function{fn}, Workers: 1, KeyGroups: 1,
			Journal: persistence.Options{Tables: slow, MaterializeEvery: 5 * time.Millisecond},
		})
		if err := e.Send(t.Context(), at("x"), text("set")); err != nil {
			t.Fatal(err)
		}
		pass(80 * time.Millisecond) // set, durable and in the tables
		g.shut()
		pass(150 * time.Millisecond) // fired, but that is not durable
		close(slow.gate)
		pass(50 * time.Millisecond)
		close(g.open)
		pass(time.Second)
		if fired.Load() != 1 {
			t.Errorf("fired %d times", fired.Load())
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// slowStates are tables in which reading states for activations waits.
type slowStates struct {
	tables.Tables
	quick atomic.Bool
}

func (s *slowStates) GetAll(keys []string, visit func(i int, value []byte)) error {
	for !s.quick.Load() {
		time.Sleep(time.Millisecond) //nolint:forbidigo // fake time
	}
	return s.Tables.GetAll(keys, visit)
}

// While many grains wait for their state, ingresses wait; then all is handled.
func TestIngressesWaitWhileStatesAreRead(t *testing.T) {
	var handled atomic.Int64
	fn := one(nil, func(functions.Context, string) error { handled.Add(1); return nil })
	slow := &slowStates{Tables: tables.NewMemory(false)}
	within(t, Options{Functions: []*functions.Function{fn}, Workers: 1, Journal: persistence.Options{Tables: slow}}, func(n *node) {
		const together = 512
		sent := 0
		send := func() error {
			ctx, cancel := context.WithTimeout(n.t.Context(), time.Second)
			defer cancel()
			out := make([]Outgoing, together)
			for i := range out {
				out[i] = Outgoing{To: at(fmt.Sprint(sent + i)), Message: text("x")}
			}
			if err := n.SendAll(ctx, out); err != nil {
				return err
			}
			sent += together
			return nil
		}
		var err error
		for err == nil && sent < 2*maxLoading {
			err = send()
			pass(time.Millisecond)
		}
		if !errors.Is(err, ErrOverloaded) || sent < maxLoading {
			n.t.Errorf("%d addresses with a message, with room for %d that are being read: %v", sent, maxLoading, err)
		}
		slow.quick.Store(true)
		pass(time.Second)
		if err := send(); err != nil {
			n.t.Errorf("once states are read: %v", err)
		}
		pass(time.Second)
		if got := handled.Load(); got != int64(sent) {
			n.t.Errorf("%d of %d messages are handled", got, sent)
		}
	})
}

// Of two invocations off the workers that claim a token of the same id at the same
// time, one fails.
func TestATokenIsClaimedOnce(t *testing.T) {
	var gate atomic.Pointer[chan struct{}]
	blocking := func(name functions.TypeName) *functions.Function {
		return &functions.Function{Type: name, Blocking: true, MaxAttempts: 1, Handlers: []functions.Handler{
			functions.On(functions.String, func(ctx functions.Context, _ string) error {
				ctx.SendAfter(time.Hour, ctx.Self(), text("fired"), functions.CancelToken("t"))
				<-*gate.Load()
				return nil
			}),
		}}
	}
	types := []functions.TypeName{"test/a", "test/b"}
	within(t, Options{Functions: []*functions.Function{blocking(types[0]), blocking(types[1])}}, func(n *node) {
		ch := make(chan struct{})
		gate.Store(&ch)
		for _, f := range types {
			if err := n.Send(n.t.Context(), f.At("same"), text("set")); err != nil {
				n.t.Fatal(err)
			}
		}
		pass(time.Second)
		close(ch)
		pass(time.Second)
		timers := 0
		for _, f := range types {
			ts, err := n.timersOf(f.At("same"))
			if err != nil {
				n.t.Fatal(err)
			}
			timers += len(ts)
		}
		if q := n.quarantine(); len(q) != 1 || timers != 1 {
			n.t.Errorf("%d timers under one token, %d messages in quarantine", timers, len(q))
		}
	})
}

// Idle waits for the sinks, too.
func TestIdleWaitsForSinks(t *testing.T) {
	var delivered atomic.Bool
	fn := one(nil, func(ctx functions.Context, _ string) error {
		ctx.Send(functions.Egress("a/b"), text("x"))
		return nil
	})
	sink := HandlerSink(func(ctx context.Context, _ persistence.EgressRecord) error {
		slow, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		<-slow.Done()
		delivered.Store(true)
		return nil
	})
	o := Options{Functions: []*functions.Function{fn}, Egresses: map[functions.TypeName]Sink{"a/b": sink}}
	within(t, o, func(n *node) {
		n.send("x", text("a"))
		if err := n.Idle(n.t.Context()); err != nil || !delivered.Load() {
			n.t.Errorf("idle while a record was being delivered, %v", err)
		}
	})
}

// Keys do not narrow what can be asked and answered: the longest id, large
// replies, delayed replies, errors without a text.
func TestCallsToTheirLimits(t *testing.T) {
	large := strings.Repeat("v", 900<<10)
	fn := one(nil, func(ctx functions.Context, s string) error {
		client, _ := ctx.Caller()
		switch s {
		case "late":
			ctx.SendAfter(time.Second, client, text("late"))
		case "large":
			ctx.Reply(text(large))
		case "silent error":
			return functions.Permanent(errors.New(""))
		default:
			ctx.Reply(text("ok"))
		}
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}, MaxValueBytes: 1 << 20}, func(n *node) {
		long := strings.Repeat("i", functions.MaxIDBytes)
		for _, tt := range []struct{ id, ask, want string }{
			{long, "a", "ok"}, {"x", large, "ok"}, {"x", "large", large}, {"x", "late", "late"},
		} {
			if got := textOf(n.t, n.call(tt.id, text(tt.ask))); got != tt.want {
				n.t.Errorf("%.20q: got %.20q", tt.ask, got)
			}
			a, err := n.CallOnce(n.t.Context(), tt.ask, at(tt.id), text(tt.ask))
			if err != nil || textOf(n.t, a) != tt.want {
				n.t.Errorf("%.20q with a key: got %.20q, %v", tt.ask, a.Message.Value, err)
			}
		}
		if a := n.call("x", text("silent error")); a.Failure == "" {
			n.t.Error("an error without a text is no failure")
		}
	})
}

// The expiration that counts is the one that is declared now.
func TestExpirationCanBeChanged(t *testing.T) {
	calls := functions.Value("calls", functions.Int64)
	fn := one([]functions.State{calls}, func(ctx functions.Context, _ string) error {
		ctx.Reply(text(fmt.Sprint(calls.Update(ctx, func(n int64) int64 { return n + 1 }))))
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}, IdempotencyKept: time.Hour}, func(n *node) {
		n.o.IdempotencyKept = time.Minute
		n.restart()
		for _, want := range []string{"1", "2"} {
			a, err := n.CallOnce(n.t.Context(), "k", at("x"), text("a"))
			if err != nil || textOf(n.t, a) != want {
				n.t.Fatalf("got %q, %v, want %s", a.Message.Value, err, want)
			}
			pass(2 * time.Minute)
		}
	})
}
