package actors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

func TestFailuresAreRetriedThenQuarantinedAndTheAddressGoesOn(t *testing.T) {
	var attempts atomic.Int64
	log := functions.List("log", functions.String)
	fn := one([]functions.State{log}, func(ctx functions.Context, s string) error {
		if s == "get" {
			replyAll(ctx, log)
			return nil
		}
		log.Append(ctx, s)
		if s == "poison" {
			attempts.Add(1)
			panic("it is")
		}
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}, MaxAttempts: 4}, func(n *node) {
		n.send("x", text("before"))
		n.send("x", text("poison"))
		n.send("x", text("after"))
		pass(time.Minute)
		if got := textOf(n.t, n.call("x", text("get"))); got != "before,after" || attempts.Load() != 4 {
			n.t.Fatalf("got %q after %d attempts", got, attempts.Load())
		}
		q := n.quarantine()
		if len(q) != 1 || q[0].Attempts != 4 || !strings.Contains(q[0].Error, "panic: it is") || q[0].Stack == "" ||
			len(q[0].State) != 1 || q[0].State[0].Size != 1 {
			n.t.Fatalf("got %+v", q)
		}
		// A retry goes to the tail; a drop is for good; both only once.
		if err := n.Retry(n.t.Context(), q[0].Address, q[0].Sequence); err != nil {
			n.t.Fatal(err)
		}
		pass(time.Minute)
		q = n.quarantine()
		if attempts.Load() != 8 || len(q) != 1 {
			n.t.Fatalf("%d attempts, %+v", attempts.Load(), q)
		}
		if err := n.Drop(n.t.Context(), q[0].Address, q[0].Sequence); err != nil {
			n.t.Fatal(err)
		}
		if err := n.Drop(n.t.Context(), q[0].Address, q[0].Sequence); !errors.Is(err, ErrNotQuarantined) {
			n.t.Fatalf("got %v", err)
		}
		if m := n.Metrics(); m.Quarantined != 0 {
			n.t.Fatalf("got %+v", m)
		}
	})
}

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	t.Parallel()
	o := Options{}
	o.setDefaults()
	var got []time.Duration
	for i := 1; i <= 12; i++ {
		got = append(got, o.backoff(i))
	}
	want := []time.Duration{10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10000, 10000}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
}

func TestAFailedInvocationLeavesNothingBehind(t *testing.T) {
	v, list, m := functions.Value("v", functions.String), functions.List("l", functions.String), functions.Map("m", functions.String)
	fn := one([]functions.State{v, list, m}, func(ctx functions.Context, s string) error {
		if s == "get" {
			got, _ := v.Get(ctx)
			e, _ := m.Get(ctx, "k")
			ctx.Reply(text(fmt.Sprintf("%s %d %s", got, list.Len(ctx), e)))
			return nil
		}
		v.Set(ctx, s)
		list.Append(ctx, s)
		m.Set(ctx, "k", s)
		ctx.SendAfter(0, ctx.Self(), text("kept"), functions.CancelToken("t"))
		if s == "bad" {
			return functions.Permanent(errors.New("no"))
		}
		if s == "good" {
			ctx.Cancel("t")
		}
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}}, func(n *node) {
		n.send("x", text("good"))
		n.send("x", text("bad"))
		pass(time.Second)
		if got := textOf(n.t, n.call("x", text("get"))); got != "good 1 good" {
			n.t.Fatalf("got %q", got)
		}
	})
}
