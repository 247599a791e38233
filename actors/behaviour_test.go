package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// node is an engine under synctest: time passes when nothing else happens.
type node struct {
	t   *testing.T
	env *environment.Environment
	o   Options
	*Engine
}

// within runs a test on a node with some functions, in fake time.
func within(t *testing.T, o Options, test func(n *node)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{t: t, env: environment.Memory(), o: o}
		n.Engine = open(t, n.env, o)
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(n)
	})
}

func (n *node) restart() {
	n.t.Helper()
	if err := n.Close(); err != nil {
		n.t.Fatal(err)
	}
	n.Engine = open(n.t, n.env, n.o)
}

func (n *node) send(id string, m functions.Message) {
	n.t.Helper()
	if err := n.Send(n.t.Context(), at(id), m); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) call(id string, m functions.Message) Answer {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Hour)
	defer cancel()
	a, err := n.Call(ctx, at(id), m)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

func (n *node) quarantine() []Quarantined {
	n.t.Helper()
	var out []Quarantined
	if err := n.Quarantine(func(q Quarantined) bool { out = append(out, q); return true }); err != nil {
		n.t.Fatal(err)
	}
	return out
}

// passes counts calls of pass: what a test has looked at before one, it has looked at
// before whatever happens after it and reads this. The race detector knows no other
// order between the two.
var passes atomic.Int64

// pass lets d pass and everything that becomes due happen.
func pass(d time.Duration) {
	passes.Add(1)
	time.Sleep(d) //nolint:forbidigo // fake time
	synctest.Wait()
}

const testType functions.TypeName = "test/f"

func at(id string) functions.Address { return testType.At(id) }

// one returns a function that handles strings.
func one(states []functions.State, f func(ctx functions.Context, s string) error) *functions.Function {
	return &functions.Function{Type: testType, States: states, Handlers: []functions.Handler{functions.On(functions.String, f)}}
}

func text(s string) functions.Message { return functions.String.Of(s) }

func textOf(t *testing.T, a Answer) string {
	t.Helper()
	if a.Failure != "" {
		t.Fatalf("failed: %s", a.Failure)
	}
	s, err := functions.String.From(a.Message)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFailuresAreRetriedThenQuarantinedAndTheAddressGoesOn(t *testing.T) {
	var attempts atomic.Int64
	log := functions.List("log", functions.String)
	fn := one([]functions.State{log}, func(ctx functions.Context, s string) error {
		if s == "get" {
			var all []string
			for _, v := range log.All(ctx) {
				all = append(all, v)
			}
			ctx.Reply(text(strings.Join(all, ",")))
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
			var all []string
			for _, v := range got.All(ctx) {
				all = append(all, v)
			}
			ctx.Reply(text(strings.Join(all, ",")))
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

// rows returns the keys of everything that the journal has of an id.
func (n *node) rows(id string) []string {
	n.t.Helper()
	if err := n.Close(); err != nil {
		n.t.Fatal(err)
	}
	n.Engine = open(n.t, n.env, n.o)
	var out []string
	for _, r := range []persistence.KeyRange{
		persistence.AddressRange(n.journal.Group(id), at(id)),
		persistence.TimerRange(n.journal.Group(id)),
	} {
		if err := n.journal.ScanAll(r, func(row persistence.Row) bool {
			out = append(out, string(row.Key))
			return true
		}); err != nil {
			n.t.Fatal(err)
		}
	}
	return out
}

// Check 100: asynchronous work answers "unknown" after a restart, once.
func TestAsynchronousWork(t *testing.T) {
	log := functions.List("log", functions.String)
	work := functions.Async("work", functions.String, functions.String)
	fn := &functions.Function{Type: testType, States: []functions.State{log}, Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, s string) error {
			if s == "get" {
				var all []string
				for _, v := range log.All(ctx) {
					all = append(all, v)
				}
				ctx.Reply(text(strings.Join(all, ",")))
				return nil
			}
			log.Append(ctx, s)
			work.Start(ctx, s, func(ctx context.Context) (string, error) {
				switch s {
				case "fail":
					return "", errors.New("no")
				case "panic":
					panic("no")
				case "exit":
					runtime.Goexit()
				case "block":
					<-ctx.Done()
					return "", ctx.Err()
				}
				return "fine", nil
			})
			return nil
		}),
		functions.OnResult(work, func(ctx functions.Context, r functions.Result[string, string]) error {
			log.Append(ctx, fmt.Sprintf("%s=%s", r.Metadata, r.Status))
			return nil
		}),
	}}
	within(t, Options{Functions: []*functions.Function{fn}}, func(n *node) {
		for _, s := range []string{"ok", "fail", "panic", "exit"} {
			n.send(s, text(s))
		}
		n.send("block", text("block"))
		n.send("block", text("ok")) // the address is not busy meanwhile
		pass(time.Second)
		for id, want := range map[string]string{
			"ok": "ok,ok=success", "fail": "fail,fail=failure", "panic": "panic,panic=failure", "exit": "exit,exit=failure",
			"block": "block,ok,ok=success",
		} {
			if got := textOf(n.t, n.call(id, text("get"))); got != want {
				n.t.Errorf("got %q, want %q", got, want)
			}
		}
		n.restart()
		n.restart()
		pass(time.Second)
		if got, want := textOf(n.t, n.call("block", text("get"))), "block,ok,ok=success,block=unknown"; got != want {
			n.t.Errorf("got %q, want %q", got, want)
		}
		if m := n.Metrics(); m.Async != 0 {
			n.t.Errorf("got %+v", m)
		}
	})
}

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
