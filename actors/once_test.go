package actors

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

func TestIdempotencyKeys(t *testing.T) {
	v := functions.Value("v", functions.Int64)
	fn := one([]functions.State{v}, func(ctx functions.Context, s string) error {
		if s == "poison" {
			return functions.Permanent(errors.New("poisoned"))
		}
		n := v.Update(ctx, func(n int64) int64 { return n + 1 })
		if _, ok := ctx.Caller(); ok {
			ctx.Reply(text(fmt.Sprint(n)))
		}
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}, IdempotencyKept: time.Minute}, func(n *node) {
		call := func(key, s string) Answer {
			n.t.Helper()
			a, err := n.CallOnce(n.t.Context(), key, at("x"), text(s))
			if err != nil {
				n.t.Fatal(err)
			}
			return a
		}
		if got := textOf(n.t, call("k1", "a")); got != "1" {
			n.t.Fatalf("got %q", got)
		}
		n.restart()
		if got := textOf(n.t, call("k1", "a")); got != "1" {
			n.t.Fatalf("got %q", got)
		}
		if !call("k1", "b").Conflict {
			n.t.Fatal("a key was used for two messages")
		}
		if got := textOf(n.t, call("k2", "a")); got != "2" {
			n.t.Fatalf("got %q", got)
		}
		for range 2 {
			if a := call("k3", "poison"); !strings.Contains(a.Failure, "poisoned") {
				n.t.Fatalf("got %+v", a)
			}
		}
		for range 3 {
			if a, err := n.SendOnce(n.t.Context(), "k4", at("x"), text("a")); err != nil || a.Conflict {
				n.t.Fatal(a, err)
			}
		}
		if got := textOf(n.t, call("k5", "a")); got != "4" {
			n.t.Fatalf("got %q", got)
		}
		pass(61 * time.Second)
		if got := textOf(n.t, call("k1", "a")); got != "5" {
			n.t.Fatalf("got %q", got)
		}
	})
}
