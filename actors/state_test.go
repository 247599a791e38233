package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

func TestExpiration(t *testing.T) {
	w := functions.Value("w", functions.String).ExpireAfterWrite(time.Minute)
	i := functions.Value("i", functions.String).ExpireAfterInvoke(time.Minute)
	l := functions.List("l", functions.String).ExpireAfterWrite(time.Minute)
	fn := one([]functions.State{w, i, l}, func(ctx functions.Context, s string) error {
		if s == "set" {
			w.Set(ctx, "w")
			i.Set(ctx, "i")
			l.Append(ctx, "l")
			return nil
		}
		ctx.Reply(text(w.GetOr(ctx, "-") + i.GetOr(ctx, "-") + fmt.Sprint(l.Len(ctx))))
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}}, func(n *node) {
		want := func(want string) {
			n.t.Helper()
			if got := textOf(n.t, n.call("x", text("get"))); got != want {
				n.t.Errorf("got %q, want %q", got, want)
			}
		}
		n.send("x", text("set"))
		pass(40 * time.Second)
		want("wi1")
		pass(40 * time.Second) // 80 s after the write, 40 s after the last invocation
		want("-i0")
		n.restart()
		pass(50 * time.Second)
		want("-i0")
		if err := n.Close(); err != nil { // over downtime
			n.t.Fatal(err)
		}
		pass(2 * time.Minute)
		n.Engine = open(t, n.env, n.o)
		want("--0")
		// What has expired is removed without anybody asking for it.
		n.send("y", text("set"))
		pass(3 * time.Minute)
		if rows := n.rows("y"); len(rows) != 0 {
			n.t.Errorf("left: %q", rows)
		}
	})
}
