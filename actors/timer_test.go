package actors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// A timer that is set and fires, or is cancelled, while timers are being read may
// lie behind what was read. The next read waits until its row is gone.
func TestTimersThatWentDuringAReadAreNotReadLater(t *testing.T) {
	t.Parallel()
	g := newTimers([]persistence.KeyGroup{0}, nearTimers).groups[0]
	g.reading, g.settled, g.gone = true, true, map[persistence.Sequence]bool{}
	late := &timer{due: 20, sequence: 2}
	g.add(late)
	g.cancel(late.key())
	g.take([]*timer{{due: 10, sequence: 1}}, false /* complete */)
	if g.settled || g.near.Len() != 1 {
		t.Errorf("settled %t, %d timers in memory, expected false and 1", g.settled, g.near.Len())
	}
}

// Checks 28, 29, 30 and 32 to 36 of StateFun's features.
func TestTimersAndTokens(t *testing.T) {
	got := functions.List("got", functions.String)
	handler := func(ctx functions.Context, s string) error {
		op, arg, _ := strings.Cut(s, ":")
		switch op {
		case "after":
			ctx.SendAfter(time.Second, ctx.Self(), text(arg))
		case "zero": // after plain sends of the same transaction
			ctx.SendAfter(0, ctx.Self(), text(arg))
			ctx.Send(ctx.Self(), text(arg+"-plain"))
		case "token":
			ctx.SendAfter(time.Second, ctx.Self(), text(arg), functions.CancelToken(arg))
		case "cancel":
			ctx.Cancel(arg)
		case "both":
			ctx.SendAfter(time.Second, ctx.Self(), text(arg), functions.CancelToken(arg))
			ctx.Cancel(arg)
		case "equal":
			for i := range 20 {
				ctx.SendAfter(time.Second, ctx.Self(), text(fmt.Sprint(i)))
			}
		case "get":
			replyAll(ctx, got)
		default:
			if c, ok := ctx.Caller(); !ok || c.ID != ctx.Self().ID {
				return fmt.Errorf("caller %v", c)
			}
			got.Append(ctx, s)
		}
		return nil
	}
	fn := one([]functions.State{got}, handler)
	canceller := &functions.Function{Type: "test/canceller", Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, s string) error { ctx.Cancel(s); return nil }),
	}}
	within(t, Options{Functions: []*functions.Function{fn, canceller}}, func(n *node) {
		want := func(id, want string) {
			n.t.Helper()
			if got := textOf(n.t, n.call(id, text("get"))); got != want {
				n.t.Errorf("%s: got %q, want %q", id, got, want)
			}
		}
		n.send("delay", text("after:a"))
		pass(900 * time.Millisecond)
		want("delay", "")
		pass(200 * time.Millisecond)
		want("delay", "a")

		n.send("zero", text("zero:b"))
		pass(10 * time.Millisecond)
		want("zero", "b-plain,b")

		n.send("equal", text("equal"))
		pass(2 * time.Second)
		want("equal", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19")

		// Downtime: due while the node is away, fires once.
		n.send("down", text("after:c"))
		n.send("downtoken", text("token:d"))
		n.restart()
		n.send("downtoken", text("cancel:d"))
		pass(2 * time.Second)
		n.restart()
		pass(time.Second)
		want("down", "c")
		want("downtoken", "")

		n.send("both", text("both:e"))
		n.send("unknown", text("cancel:never"))
		n.send("again", text("token:f"))
		pass(2 * time.Second)
		n.send("again", text("token:f")) // reuse after it fired
		n.send("again", text("cancel:f"))
		n.send("again", text("token:f")) // and after it was cancelled
		pass(2 * time.Second)
		want("both", "")
		want("again", "f,f")
		if q := n.quarantine(); len(q) != 0 {
			n.t.Fatalf("got %+v", q)
		}

		// The scope of a token is the sender's id, across function types.
		n.send("scope1", text("token:g"))
		n.send("scope2", text("token:g"))
		pass(10 * time.Millisecond) // another address: nothing orders the two
		if err := n.Send(n.t.Context(), functions.TypeName("test/canceller").At("scope1"), text("g")); err != nil {
			n.t.Fatal(err)
		}
		pass(2 * time.Second)
		want("scope1", "")
		want("scope2", "g")

		// A duplicate pending token fails that message, and nothing else.
		n.send("twice", text("token:h"))
		n.send("twice", text("token:h"))
		pass(2 * time.Second)
		want("twice", "h")
		if q := n.quarantine(); len(q) != 1 || !strings.Contains(q[0].Error, "same cancellation token") {
			n.t.Fatalf("got %+v", q)
		}
	})
}
