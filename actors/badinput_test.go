package actors

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// What a function does wrong is a clear error of that message, at once in
// quarantine where trying again cannot help; everything else goes on.
func TestWhatAFunctionDoesWrong(t *testing.T) {
	declared := functions.Value("declared", functions.String)
	undeclared := functions.Value("undeclared", functions.String)
	list, dict := functions.List("list", functions.String), functions.Map("map", functions.String)
	tests := []struct {
		name, want string
		run        func(ctx functions.Context)
	}{
		{"unknown function", "FunctionType(no, such)", func(ctx functions.Context) {
			ctx.Send(functions.TypeName("no/such").At("x"), text("a"))
		}},
		{"unknown function later", "FunctionType(no, such)", func(ctx functions.Context) {
			ctx.SendAfter(time.Second, functions.TypeName("no/such").At("x"), text("a"))
		}},
		{"unknown egress", "unknown egress no/egress", func(ctx functions.Context) { ctx.Send(functions.Egress("no/egress"), text("a")) }},
		{"undeclared state read", "[undeclared]", func(ctx functions.Context) { undeclared.Get(ctx) }},
		{"undeclared state written", "[undeclared]", func(ctx functions.Context) { undeclared.Set(ctx, "a") }},
		{"value too large", "value of 2000", func(ctx functions.Context) { declared.Set(ctx, strings.Repeat("a", 1990)) }},
		{"list entry too large", "value of 2000", func(ctx functions.Context) { list.Append(ctx, strings.Repeat("a", 1990)) }},
		{"map key too large", "key of", func(ctx functions.Context) { dict.Set(ctx, strings.Repeat("k", 70_000), "a") }},
		{"too many messages", "more than 50 messages", func(ctx functions.Context) {
			for range 51 {
				ctx.Send(ctx.Self(), text("a"))
			}
		}},
		{"transaction too large", "exceed 20000 bytes", func(ctx functions.Context) {
			for range 40 {
				ctx.Send(ctx.Self(), text(strings.Repeat("a", 900)))
			}
		}},
		{"negative delay", "-1s", func(ctx functions.Context) { ctx.SendAfter(-time.Second, ctx.Self(), text("a")) }},
		{"delay overflows the clock", "overflows", func(ctx functions.Context) { ctx.SendAfter(math.MaxInt64, ctx.Self(), text("a")) }},
		{"id too long", "70000 bytes", func(ctx functions.Context) { ctx.Send(testType.At(strings.Repeat("i", 70_000)), text("a")) }},
		{"id not UTF-8", "UTF-8", func(ctx functions.Context) { ctx.Send(testType.At("\xff"), text("a")) }},
		{"reply to nobody", "caller", func(ctx functions.Context) { ctx.Reply(text("a")) }},
		{"token twice", "same cancellation token", func(ctx functions.Context) {
			ctx.SendAfter(time.Hour, ctx.Self(), text("a"), functions.CancelToken("t"))
			ctx.SendAfter(time.Hour, ctx.Self(), text("a"), functions.CancelToken("t"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := 0
			fn := one([]functions.State{declared, list, dict}, func(ctx functions.Context, s string) error {
				if s == "bad" {
					tt.run(ctx)
				} else {
					good++
				}
				return nil
			})
			o := Options{Functions: []*functions.Function{fn}, MaxAttempts: 1, MaxValueBytes: 1000, MaxSends: 50, MaxTransactionBytes: 20_000}
			within(t, o, func(n *node) {
				n.send("x", text("bad"))
				n.send("x", text("good"))
				pass(time.Second)
				q := n.quarantine()
				if len(q) != 1 || !strings.Contains(q[0].Error, tt.want) && !strings.Contains(q[0].Error, strings.Replace(tt.want, "2000", "1993", 1)) {
					n.t.Fatalf("got %+v, want %q", q, tt.want)
				}
				if good != 1 {
					n.t.Fatalf("the next message ran %d times", good)
				}
				if states, err := n.State(at("x")); err != nil || len(states) != 0 {
					n.t.Fatalf("left behind: %+v, %v", states, err)
				}
			})
		})
	}
}

func TestWhatComesFromOutsideIsChecked(t *testing.T) {
	fn := one(nil, func(functions.Context, string) error { return nil })
	within(t, Options{Functions: []*functions.Function{fn}, MaxValueBytes: 1000}, func(n *node) {
		for name, tt := range map[string]struct {
			to   functions.Address
			m    functions.Message
			want string
		}{
			"unknown function": {functions.TypeName("no/such").At("x"), text("a"), "FunctionType(no, such)"},
			"reserved":         {replyType.At("x"), text("a"), "FunctionType(io.statefun, reply)"},
			"too large":        {at("x"), text(strings.Repeat("a", 2000)), "at most 1000"},
			"id too long":      {at(strings.Repeat("i", 1<<20)), text("a"), "1048576 bytes"},
			"id not UTF-8":     {at("\xff"), text("a"), "UTF-8"},
			"type":             {functions.Address{Type: "nothing", ID: "x"}, text("a"), "<namespace>/<name>"},
		} {
			if err := n.Send(n.t.Context(), tt.to, tt.m); err == nil || !strings.Contains(err.Error(), tt.want) {
				n.t.Errorf("%s: got %v, want %q", name, err, tt.want)
			}
		}
		for _, id := range []string{"", "a/b", "ü/ü/ü", strings.Repeat("i", functions.MaxIDBytes)} {
			n.send(id, text("a"))
		}
		pass(time.Second)
		if q := n.quarantine(); len(q) != 0 {
			n.t.Errorf("got %+v", q)
		}
	})
}

func TestRegistrationIsChecked(t *testing.T) {
	t.Parallel()
	fn := one(nil, func(functions.Context, string) error { return nil })
	reserved := *fn
	reserved.Type = "io.statefun/mine"
	invalid := *fn
	invalid.Handlers = nil
	for name, fns := range map[string][]*functions.Function{
		"twice": {fn, fn}, "reserved": {&reserved}, "invalid": {&invalid},
	} {
		if _, err := Open(Options{Functions: fns}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Check 12: a state whose type changed is a clear error, at the start.
func TestAStateOfAnotherTypeIsRefused(t *testing.T) {
	within(t, Options{Functions: []*functions.Function{one([]functions.State{functions.Value("s", functions.String)},
		func(functions.Context, string) error { return nil })}}, func(n *node) {
		if err := n.Close(); err != nil {
			n.t.Fatal(err)
		}
		o := n.o
		o.Environment, o.Journal.Dir = n.env, "/data"
		o.Functions = []*functions.Function{one([]functions.State{functions.Value("s", functions.Int64)},
			func(functions.Context, string) error { return nil })}
		e, err := Open(o)
		if err != nil {
			n.t.Fatal(err)
		}
		err = e.Start()
		var mismatch *persistence.StateTypeError
		if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "Previous type was: io.statefun.types/string, new type is: io.statefun.types/long") {
			n.t.Fatalf("got %v", err)
		}
		if err := e.Close(); err != nil {
			n.t.Fatal(err)
		}
		n.Engine = open(n.t, n.env, n.o)
	})
}

// Checks 101 and 105: states registered while a function runs, and its counters.
func TestDynamicStatesAndCounters(t *testing.T) {
	dynamic := functions.Value("dynamic", functions.Int64)
	fn := one(nil, func(ctx functions.Context, _ string) error {
		if err := ctx.Register(dynamic); err != nil {
			return err
		}
		ctx.Count("calls", 2)
		ctx.Reply(functions.Int64.Of(dynamic.Update(ctx, func(n int64) int64 { return n + 1 })))
		return nil
	})
	within(t, Options{Functions: []*functions.Function{fn}}, func(n *node) {
		for want := range int64(4) {
			if want == 2 {
				n.restart()
			}
			got, err := functions.Int64.From(n.call("x", text("a")).Message)
			if err != nil || got != want+1 {
				n.t.Fatalf("got %d, %v, want %d", got, err, want+1)
			}
		}
		if got := n.Metrics().Functions[testType].Counters["calls"]; got != 4 {
			n.t.Fatalf("counted %d since the restart, want 4", got)
		}
	})
}

// A function that is gone leaves its state, and its messages in quarantine.
func TestAFunctionThatIsGone(t *testing.T) {
	within(t, Options{Functions: []*functions.Function{counter()}}, func(n *node) {
		to := functions.TypeName("test/counter").At("x")
		if err := n.Send(n.t.Context(), to, functions.Int64.Of(5)); err != nil {
			n.t.Fatal(err)
		}
		pass(time.Second)
		fns := n.o.Functions
		n.o.Functions = nil
		n.restart()
		if err := n.Send(n.t.Context(), to, functions.Int64.Of(5)); !errors.Is(err, ErrUnknownFunction) {
			n.t.Fatalf("got %v", err)
		}
		if _, err := n.PurgeType(n.t.Context(), "no/such", false); !errors.Is(err, ErrUnknownFunction) {
			n.t.Fatalf("got %v", err)
		}
		n.o.Functions = fns
		n.restart()
		a, err := n.Call(n.t.Context(), to, functions.Int64.Of(1))
		if got, _ := functions.Int64.From(a.Message); err != nil || got != 6 {
			n.t.Fatalf("got %d, %v", got, err)
		}
		n.o.Functions = nil
		n.restart()
		if p, err := n.PurgeType(n.t.Context(), "test/counter", false); err != nil || p.States != 1 {
			n.t.Fatalf("got %+v, %v", p, err)
		}
	})
}
