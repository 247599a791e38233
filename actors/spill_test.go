package actors

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// A backlog far beyond the window goes to disk and comes back in order, also
// across a restart in the middle of it; neighbours do not wait for it.
func TestABacklogSpillsAndDrainsInOrder(t *testing.T) {
	const backlog = 10_000
	last := functions.Value("last", functions.Int64)
	var hold atomic.Bool
	hold.Store(true)
	fn := &functions.Function{
		Type: testType, States: []functions.State{last}, MaxAttempts: 1 << 30,
		Handlers: []functions.Handler{
			functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
				if hold.Load() && ctx.Self().ID == "hot" && n == 3 {
					return fmt.Errorf("not yet")
				}
				was, _ := last.Get(ctx)
				if n != was+1 {
					return functions.Permanent(fmt.Errorf("%d after %d", n, was))
				}
				last.Set(ctx, n)
				return nil
			}),
			functions.On(functions.String, func(ctx functions.Context, _ string) error {
				n, _ := last.Get(ctx)
				ctx.Reply(functions.Int64.Of(n))
				return nil
			}),
		},
	}
	o := Options{
		Functions: []*functions.Function{fn}, Workers: 1, FirstBackoff: time.Minute, LastBackoff: time.Minute,
		Journal: persistence.Options{MaterializeEvery: 10 * time.Millisecond},
	}
	within(t, o, func(n *node) {
		sendTo := func(from, to int64) {
			var out []Outgoing
			for i := from; i <= to; i++ {
				out = append(out, Outgoing{at("hot"), functions.Int64.Of(i)})
				if len(out) == 500 || i == to {
					if err := n.SendAll(n.t.Context(), out); err != nil {
						n.t.Fatal(err)
					}
					out = nil
					pass(5 * time.Millisecond)
				}
			}
		}
		sendTo(1, backlog/2)
		if held := n.Metrics().Held; held > 3*windowMessages {
			n.t.Errorf("%d messages in memory", held)
		}
		n.send("cool", functions.Int64.Of(1))
		if a := n.call("cool", text("get")); a.Message.Value[1] != 1 {
			n.t.Errorf("got %+v", a)
		}
		n.restart()
		sendTo(backlog/2+1, backlog)
		hold.Store(false)
		pass(10 * time.Minute)
		got, err := functions.Int64.From(n.call("hot", text("get")).Message)
		if err != nil || got != backlog {
			n.t.Errorf("got %d, %v; quarantined: %v", got, err, n.quarantine())
		}
		pass(time.Minute)
		if m := n.Metrics(); m.Held != 0 {
			n.t.Errorf("%d messages are left in memory", m.Held)
		}
	})
}

// Grains beyond the limit are passivated and come back with their state.
func TestPassivationKeepsState(t *testing.T) {
	within(t, Options{Functions: []*functions.Function{counter()}, LiveGrains: 10, Workers: 1}, func(n *node) {
		for round := range int64(3) {
			for i := range 200 {
				a, err := n.Call(n.t.Context(), functions.TypeName("test/counter").At(fmt.Sprint(i)), functions.Int64.Of(1))
				if err != nil {
					n.t.Fatal(err)
				}
				if got, _ := functions.Int64.From(a.Message); got != round+1 {
					n.t.Fatalf("round %d, id %d: got %d", round, i, got)
				}
			}
			if live := n.Metrics().LiveGrains; live > 20 {
				n.t.Errorf("%d live grains, the limit is 10", live)
			}
		}
		pass(time.Minute + 2*n.opts.IdleAfter)
		if live := n.Metrics().LiveGrains; live != 0 {
			n.t.Errorf("%d live grains after a minute of silence", live)
		}
	})
}

// A message that ends the process each time it is handled would do so for ever.
// After a few unclean starts in a row its attempts are counted durably.
func TestAMessageThatKillsTheProcessIsQuarantined(t *testing.T) {
	var begun atomic.Int64
	gone := make(chan func() <-chan struct{}, 1) // how the handler learns that its process has ended
	fn := func() *functions.Function {
		ended := (<-gone)()
		return one(nil, func(functions.Context, string) error {
			begun.Add(1)
			<-ended
			return errors.New("this process is no more")
		})
	}
	gone <- func() <-chan struct{} { return nil }
	o := Options{Functions: []*functions.Function{fn()}, MaxAttempts: 3, UncleanStarts: 2}
	within(t, o, func(n *node) {
		for i := range 8 {
			if err := n.Abort(); err != nil {
				n.t.Fatal(err)
			}
			ended := make(chan struct{})
			gone <- func() <-chan struct{} { return ended }
			n.o.Functions = []*functions.Function{fn()}
			n.Engine = open(n.t, n.env, n.o)
			if i == 0 {
				n.send("x", text("killer"))
			}
			pass(100 * time.Millisecond)
			n.t.Cleanup(func() { close(ended) })
		}
		q := n.quarantine()
		if len(q) != 1 || q[0].Attempts != 3 || !strings.Contains(q[0].Error, "process ended") {
			n.t.Fatalf("begun %d times, quarantined: %+v", begun.Load(), q)
		}
	})
}
