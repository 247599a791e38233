package functionstest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest"
)

const scratchType functions.TypeName = "test/scratch"

var (
	total = functions.Value("total", functions.Long)
	items = functions.List("items", functions.String)
	index = functions.Map("index", functions.Long)
	other = functions.TypeName("test/other").At("o")
	out   = functions.Egress("test/out")
	text  = functions.String.Of
)

// scratch is a function that does, on a text, what the test says.
func scratch(do func(ctx functions.Context, in string) error, more ...functions.Handler) functions.Function {
	return functions.Function{
		Type:     scratchType,
		States:   []functions.State{total, items, index},
		Handlers: append(more, functions.On(functions.String, do)),
	}
}

func TestEffects(t *testing.T) {
	t.Parallel()
	op := functions.Async("op", functions.Long, functions.Long)
	k := functionstest.New(t, scratch(func(ctx functions.Context, in string) error {
		ctx.Send(other, text(in))
		ctx.Reply(text("reply"))
		ctx.Send(out, text("out"))
		ctx.SendAfter(time.Minute, other, text("late"), functions.CancelToken("token"))
		ctx.Cancel("nothing")
		ctx.Count("seen", 2)
		ctx.Count("seen", 1)
		op.Start(ctx, 7, func(context.Context) (int64, error) { return 0, nil })
		return nil
	}))
	caller := functions.TypeName("test/caller").At("c")
	got := k.Invoke("x", text("hi"), functionstest.Caller(caller))
	want := functionstest.Effects{
		Sent:      []functionstest.Sent{{To: other, Message: text("hi")}, {To: caller, Message: text("reply")}},
		Egress:    []functionstest.Emitted{{To: out, Message: text("out")}},
		Delayed:   []functionstest.Delayed{{After: time.Minute, To: other, Message: text("late"), Token: "token"}},
		Cancelled: []string{"nothing"},
		Async:     []functionstest.Started{{Name: "op", Metadata: functions.Long.Of(7)}},
		Counters:  map[string]int64{"seen": 3},
	}
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(k.Effects(), want) {
		t.Errorf("got  %+v\nall  %+v\nwant %+v", got, k.Effects(), want)
	}
	k.Invoke("y", text("hi"), functionstest.Caller(caller))
	if n := k.Effects().Counters["seen"]; n != 6 {
		t.Errorf("counted %d in all", n)
	}
}

func TestFailureLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, fail := range map[string]func(functions.Context) error{
		"error": func(functions.Context) error { return failed },
		"panic": func(functions.Context) error { panic(failed) },
		"fail":  func(ctx functions.Context) error { ctx.Cancel(""); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := functionstest.New(t, scratch(func(ctx functions.Context, in string) error {
				total.Set(ctx, 99)
				items.Append(ctx, in)
				items.DropFirst(ctx, 1)
				index.Set(ctx, "a", 99)
				index.Delete(ctx, "b")
				ctx.Send(ctx.Self(), text("again"))
				ctx.SendAfter(0, ctx.Self(), text("again"))
				ctx.Cancel("kept")
				ctx.Count("n", 1)
				_ = ctx.Register(functions.Value("late", functions.Long))
				return fail(ctx)
			}))
			x := k.At("x")
			total.Set(x, 1)
			items.Append(x, "one")
			index.Set(x, "a", 1)
			index.Set(x, "b", 2)
			k.MustFail("x", text("go"))

			got := fmt.Sprint(total.GetOr(x, 0), items.Len(x), maps.Collect(items.All(x)), maps.Collect(index.All(x)), k.Pending(), k.Advance(0), k.Effects())
			want := fmt.Sprint(1, 1, map[int]string{0: "one"}, map[string]int64{"a": 1, "b": 2}, []functionstest.Delayed(nil), functionstest.Effects{}, functionstest.Effects{})
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestFailuresAreReported(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	k := functionstest.New(t, scratch(func(ctx functions.Context, in string) error {
		switch in {
		case "permanent":
			return functions.Permanent(cause)
		case "first":
			ctx.Cancel("")
			ctx.SendAfter(-1, other, text(""))
			return cause
		}
		panic("a panic")
	}))
	if err := k.MustFail("x", text("permanent")); !errors.Is(err, cause) || !errors.Is(err, functions.ErrPermanent) {
		t.Errorf("got %v", err)
	}
	for in, want := range map[string]string{"first": "empty cancel token", "": "panic: a panic\ngoroutine"} {
		if err := k.MustFail("x", text(in)); !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
	if err := k.MustFail("\xff", text("")); !strings.Contains(err.Error(), "not valid UTF-8") {
		t.Errorf("got %v", err)
	}
	if err := k.MustFail("x", functions.Long.Of(1)); !strings.Contains(err.Error(), `test/scratch got "io.statefun.types/long", but handles`) {
		t.Errorf("got %v", err)
	}
}

func TestReadsAreCopies(t *testing.T) {
	t.Parallel()
	raw := functions.NewType("test/raw", func(b []byte) ([]byte, error) { return b, nil }, func(b []byte) ([]byte, error) { return b, nil })
	blob := functions.Value("blob", raw)
	k := functionstest.New(t, functions.Function{
		Type:   scratchType,
		States: []functions.State{blob},
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, _ string) error {
			b, _ := blob.Get(ctx)
			b[0] = 'x'
			return errors.New("failed")
		})},
	})
	blob.Set(k.At("x"), []byte("abc"))
	k.MustFail("x", text(""))
	if b, _ := blob.Get(k.At("x")); string(b) != "abc" {
		t.Errorf("got %q", b)
	}
}

func TestContextAndLogger(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	k := functionstest.New(t, scratch(func(ctx functions.Context, _ string) error {
		ctx.Logger().Info("hello")
		return ctx.Err()
	}), functionstest.Logger(slog.New(slog.NewTextHandler(&log, nil))))
	if err := k.MustFail("x", text(""), functionstest.WithContext(ended)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	k.Invoke("x", text(""))
	if !strings.Contains(log.String(), "msg=hello function=test/scratch id=x") {
		t.Errorf("got %s", log.String())
	}
}

func TestMisuseFailsTheTest(t *testing.T) {
	t.Parallel()
	var kept functions.Context
	fn := scratch(func(ctx functions.Context, in string) error {
		kept = ctx
		if in == "loop" {
			ctx.Send(ctx.Self(), text("loop"))
		}
		return map[string]error{"bad": errors.New("bad")}[in]
	})
	for _, test := range []struct {
		do    func(*functionstest.Kit)
		wrong string
	}{
		{func(k *functionstest.Kit) { k.Invoke("x", text("bad")) }, `test/scratch/x failed on io.statefun.types/string "\n\x03bad": bad`},
		{func(k *functionstest.Kit) { k.MustFail("x", text("good")) }, "did not fail on"},
		{func(k *functionstest.Kit) { k.At("x").Send(other, text("")) }, "Send outside of an invocation"},
		{func(k *functionstest.Kit) { k.At("x").Cancel("") }, "at test/scratch/x: functions: cancel: empty"},
		{func(k *functionstest.Kit) { functions.Value("u", functions.Long).Get(k.At("x")) }, `state "u" is not declared`},
		{func(k *functionstest.Kit) { k.Invoke("x", text("")); total.Get(kept) }, "use of state by test/scratch/x after its invocation has ended"},
		{func(k *functionstest.Kit) { k.Invoke("x", text("")); kept.Send(other, text("")) }, "Send by test/scratch/x after"},
		{func(k *functionstest.Kit) { k.Advance(-1) }, "does not go back"},
		{func(k *functionstest.Kit) { k.Invoke("x", text("loop")); k.Advance(0) }, "10000 deliveries and more are waiting"},
	} {
		got := failure(func(ft functionstest.T) { test.do(functionstest.New(ft, fn)) })
		if !strings.Contains(got, test.wrong) {
			t.Errorf("got %q, want %q", got, test.wrong)
		}
	}
	if got := failure(func(ft functionstest.T) { functionstest.New(ft, functions.Function{}) }); !strings.Contains(got, "Type: functions: invalid") {
		t.Errorf("got %q", got)
	}
}

func TestWithoutTest(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), "invalid type name") {
			t.Errorf("got %v", p)
		}
	}()
	functionstest.New(nil, functions.Function{})
}

// failure returns what f fails its test with.
func failure(f func(functionstest.T)) string {
	ft := &fakeT{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ft)
	}()
	<-done
	return ft.failure
}

type fakeT struct{ failure string }

func (*fakeT) Helper() {}

func (t *fakeT) Fatalf(format string, args ...any) {
	t.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
