package actors

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

func TestPurge(t *testing.T) {
	v, l, m := functions.Value("v", functions.String), functions.List("l", functions.String), functions.Map("m", functions.String)
	var fail atomic.Bool
	fail.Store(true)
	fn := one([]functions.State{v, l, m}, func(ctx functions.Context, s string) error {
		if s == "stuck" && fail.Load() {
			return errors.New("not now")
		}
		v.Set(ctx, strings.Repeat("large", 1000))
		l.Append(ctx, s)
		m.Set(ctx, s, s)
		ctx.SendAfter(time.Minute, ctx.Self(), text("timer"), functions.CancelToken("t"+s))
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}, MaxAttempts: 1000, LastBackoff: time.Hour, FirstBackoff: time.Hour}, func(n *node) {
		n.send("x", text("a"))
		n.send("x", text("b"))
		n.send("x", text("stuck"))
		n.send("x", text("c"))
		n.send("y", text("a"))
		pass(time.Second)
		want := Purged{Addresses: 1, States: 3, Messages: 2, Timers: 2}
		for _, dry := range []bool{true, false} {
			if got, err := n.Purge(n.t.Context(), at("x"), dry); err != nil || got != want {
				n.t.Fatalf("dry %t: got %+v, %v", dry, got, err)
			}
		}
		fail.Store(false)
		pass(2 * time.Hour)
		if rows := n.rows("x"); len(rows) != 0 {
			n.t.Errorf("left: %q", rows)
		}
		if rows := n.rows("y"); len(rows) == 0 {
			n.t.Error("the neighbour went, too")
		}
		if got, err := n.PurgeType(n.t.Context(), testType, false); err != nil || got.Addresses != 1 {
			n.t.Fatalf("got %+v, %v", got, err)
		}
	})
}
