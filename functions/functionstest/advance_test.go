package functionstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

// diary runs scripts: a handler that notes each text with its time and caller,
// and for a script does what the test says.
func diary(t *testing.T, scripts map[string]func(functions.Context)) (*functionstest.Kit, *[]string) {
	t.Helper()
	var k *functionstest.Kit
	var notes []string
	k = functionstest.New(t, scratch(func(ctx functions.Context, in string) error {
		caller, _ := ctx.Caller()
		notes = append(notes, fmt.Sprintf("%s:%s<%s@%v", ctx.Self().ID, in, caller.ID, k.Now().Sub(start)))
		if do := scripts[in]; do != nil {
			do(ctx)
		}
		return nil
	}), functionstest.StartAt(start))
	return k, &notes
}

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func wantNotes(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

func TestAdvanceOrder(t *testing.T) {
	t.Parallel()
	k, notes := diary(t, map[string]func(functions.Context){
		"go": func(ctx functions.Context) {
			ctx.SendAfter(time.Second, ctx.Self(), text("d1a"))
			ctx.SendAfter(0, ctx.Self(), text("d0"))
			ctx.SendAfter(time.Second, ctx.Self(), text("d1b"))
			ctx.SendAfter(time.Minute, ctx.Self(), text("never"))
			ctx.Send(ctx.Self(), text("s1"))
			ctx.Send(scratchType.At("y"), text("s2"))
		},
		"d1a": func(ctx functions.Context) { ctx.Send(ctx.Self(), text("s3")) },
	})
	k.Invoke("x", text("go"))
	wantNotes(t, *notes, "x:go<@0s")
	k.Advance(0)
	wantNotes(t, (*notes)[1:], "x:s1<x@0s", "y:s2<x@0s", "x:d0<x@0s")
	k.Advance(time.Second)
	wantNotes(t, (*notes)[4:], "x:d1a<x@1s", "x:s3<x@1s", "x:d1b<x@1s")
	k.Advance(2 * time.Second)
	if left := k.Pending(); len(left) != 1 || left[0].After != 57*time.Second || k.Now() != start.Add(3*time.Second) {
		t.Errorf("got %v at %v", left, k.Now())
	}
}

func TestDelayedToOthersIsSent(t *testing.T) {
	t.Parallel()
	k, _ := diary(t, map[string]func(functions.Context){
		"go": func(ctx functions.Context) { ctx.SendAfter(time.Second, other, text("late")) },
	})
	k.Invoke("x", text("go"))
	if eff := k.Advance(time.Second - 1); len(eff.Sent) != 0 {
		t.Errorf("too early: %v", eff.Sent)
	}
	if eff := k.Advance(1); len(eff.Sent) != 1 || eff.Sent[0].To != other || len(k.Effects().Sent) != 1 {
		t.Errorf("got %v, in all %v", eff.Sent, k.Effects().Sent)
	}
}

func TestCancelTokens(t *testing.T) {
	t.Parallel()
	send := func(ctx functions.Context, what string) {
		ctx.SendAfter(time.Second, ctx.Self(), text(what), functions.CancelToken("token"))
	}
	k, notes := diary(t, map[string]func(functions.Context){
		"send":   func(ctx functions.Context) { send(ctx, "late") },
		"twice":  func(ctx functions.Context) { send(ctx, "a"); send(ctx, "b") },
		"cancel": func(ctx functions.Context) { ctx.Cancel("token") },
		"change": func(ctx functions.Context) { ctx.Cancel("token"); send(ctx, "changed") },
		"undo":   func(ctx functions.Context) { send(ctx, "late"); ctx.Cancel("token") },
		"late":   func(ctx functions.Context) { send(ctx, "later") }, // free again
	})
	k.Invoke("x", text("send"))
	k.Invoke("y", text("send")) // each id has tokens of its own
	k.Invoke("z", text("send"))
	k.Invoke("y", text("cancel"))
	k.Invoke("z", text("change"))
	k.Invoke("u", text("undo"))
	for _, in := range []string{"send", "twice"} {
		if err := k.MustFail("x", text(in)); !strings.Contains(err.Error(), `cancel token "token" is already pending`) {
			t.Errorf("got %v", err)
		}
	}
	*notes = nil
	k.Advance(time.Hour)
	wantNotes(t, *notes, "x:late<x@1s", "z:changed<z@1s", "x:later<x@2s")
	k.Invoke("x", text("cancel")) // nothing is pending: nothing happens
}

func TestExpiration(t *testing.T) {
	t.Parallel()
	written := functions.Value("written", functions.Long).ExpireAfterWrite(time.Minute)
	used := functions.List("used", functions.Long).ExpireAfterInvoke(time.Minute)
	kept := functions.Map("kept", functions.Long)
	k := functionstest.New(t, functions.Function{
		Type:   scratchType,
		States: []functions.State{written, used, kept},
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, in string) error {
			switch in {
			case "write":
				written.Set(ctx, 1)
				used.Append(ctx, 1)
				kept.Set(ctx, "k", 1)
			case "fail":
				return errors.New("fail")
			}
			return nil
		})},
	})
	want := func(names ...string) {
		t.Helper()
		if got := k.States("x"); !slices.Equal(got, names) {
			t.Errorf("got %q, want %q", got, names)
		}
	}
	k.Invoke("x", text("write"))
	k.Advance(time.Minute - 1)
	want("kept", "used", "written")
	k.Invoke("x", text("touch"))
	k.Advance(1)
	want("kept", "used")
	if _, ok := written.Get(k.At("x")); ok {
		t.Error("an expired value can be read")
	}
	k.MustFail("x", text("fail")) // which does not count
	k.Advance(time.Minute - 1)
	want("kept")

	written.Set(k.At("x"), 1)
	k.Advance(time.Minute)
	want("kept")
}

func TestAsync(t *testing.T) {
	t.Parallel()
	var got []string
	ran := 0
	op := functions.Async("op", functions.String, functions.Long)
	k := functionstest.New(t, scratch(func(ctx functions.Context, in string) error {
		op.Start(ctx, in, func(context.Context) (int64, error) {
			ran++
			switch in {
			case "error":
				return 0, errors.New("no luck")
			case "panic":
				panic("boom")
			}
			return 42, nil
		})
		if in == "fail" {
			return errors.New("fail")
		}
		return nil
	}, functions.OnResult(op, func(ctx functions.Context, r functions.Result[string, int64]) error {
		caller, _ := ctx.Caller()
		got = append(got, fmt.Sprint(caller.ID, " ", r.Metadata, " ", r.Status, " ", r.Value, " ", r.Err))
		return nil
	})))
	k.MustFail("x", text("fail"))
	for _, in := range []string{"good", "error", "panic"} {
		k.Invoke("x", text(in))
	}
	if ran != 0 {
		t.Errorf("%d ran before their time", ran)
	}
	k.Advance(0)
	k.Invoke("x", text("lost"))
	k.Crash()
	k.Advance(0)
	wantNotes(t, got, "x good success 42 <nil>", "x error failure 0 no luck", "x panic failure 0 panic: boom",
		`x lost unknown 0 functions: the outcome of "op" was lost in a crash`)
	if ran != 3 {
		t.Errorf("%d ran, want 3", ran)
	}
}
