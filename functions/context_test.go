package functions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// recorder is a Driver that takes messages and nothing else.
type recorder struct {
	Driver
	caller  Address
	sent    int
	egress  int
	delayed []string // tokens
	failure error
}

func (r *recorder) Self() Address            { return Address{"test/self", "s"} }
func (r *recorder) Caller() Address          { return r.caller }
func (r *recorder) Send(Address, Message)    { r.sent++ }
func (r *recorder) Egress(TypeName, Message) { r.egress++ }
func (r *recorder) Cancel(string)            {}
func (r *recorder) SendAfter(_ time.Duration, _ Address, _ Message, t string) {
	r.delayed = append(r.delayed, t)
}
func (r *recorder) StartAsync(string, Message, AsyncWork) {}
func (r *recorder) Fail(err error) {
	if r.failure == nil {
		r.failure = err
	}
}

func TestBadArgumentsFail(t *testing.T) {
	t.Parallel()
	good, to := Long.Of(1), Address{"a/b", "c"}
	op := Async("op", String, Long)
	for name, test := range map[string]struct {
		do    func(Context)
		wrong string
	}{
		"nothing wrong":         {func(c Context) { c.Send(to, good) }, ""},
		"nil target":            {func(c Context) { c.Send(nil, good) }, "send io.statefun.types/long: the target is nil"},
		"bad type":              {func(c Context) { c.Send(Address{"a", "b"}, good) }, `send io.statefun.types/long: functions: invalid type name "a"`},
		"bad id":                {func(c Context) { c.Send(Address{"a/b", "\xff"}, good) }, "is not valid UTF-8"},
		"long id":               {func(c Context) { c.Send(Address{"a/b", strings.Repeat("x", 1<<20)}, good) }, "id of 1048576 bytes for a/b"},
		"encode error":          {func(c Context) { c.Send(to, String.Of("\xff")) }, "string is not valid UTF-8"},
		"zero message":          {func(c Context) { c.Send(to, Message{}) }, "message without a type"},
		"encode error, egress":  {func(c Context) { c.Send(Egress("a/b"), String.Of("\xff")) }, "to egress a/b: functions: encode"},
		"no caller":             {func(c Context) { c.Reply(good) }, "reply io.statefun.types/long: there is no caller"},
		"negative delay":        {func(c Context) { c.SendAfter(-1, to, good) }, "negative delay -1ns"},
		"empty token":           {func(c Context) { c.SendAfter(0, to, good, CancelToken("")) }, "empty cancel token"},
		"bad address, delayed":  {func(c Context) { c.SendAfter(0, Address{}, good) }, "after 0s: functions: invalid type name"},
		"encode error, delayed": {func(c Context) { c.SendAfter(0, to, String.Of("\xff")) }, "not valid UTF-8"},
		"cancel nothing":        {func(c Context) { c.Cancel("") }, "cancel: empty cancel token"},
		"bad metadata":          {func(c Context) { op.Start(c, "\xff", func(context.Context) (int64, error) { return 0, nil }) }, `start "op": functions: encode`},
		"no work":               {func(c Context) { op.Start(c, "", nil) }, `start "op": functions: the work is nil`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{}
			test.do(NewContext(r))
			wantError(t, r.failure, test.wrong)
			if r.failure != nil && (r.sent > 0 || r.egress > 0 || len(r.delayed) > 0) {
				t.Errorf("sent nevertheless: %+v", r)
			}
		})
	}
}

func TestReplyGoesToCaller(t *testing.T) {
	t.Parallel()
	r := &recorder{caller: Address{"a/b", "c"}}
	ctx := NewContext(r)
	ctx.Reply(Long.Of(1))
	if caller, ok := ctx.Caller(); !ok || caller != r.caller || r.sent != 1 || r.failure != nil {
		t.Errorf("got %v, %t, %+v", caller, ok, r)
	}
	if _, ok := NewContext(&recorder{}).Caller(); ok {
		t.Error("a message from an ingress has no caller")
	}
}

func TestLastCancelTokenCounts(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	NewContext(r).SendAfter(0, Address{"a/b", "c"}, Long.Of(1), CancelToken("x"), CancelToken("y"), SendOption{})
	if len(r.delayed) != 1 || r.delayed[0] != "y" {
		t.Errorf("got %q, %v", r.delayed, r.failure)
	}
}

func TestRegisterChecks(t *testing.T) {
	t.Parallel()
	ctx := NewContext(&recorder{})
	wantError(t, ctx.Register(nil), "nil state")
	wantError(t, ctx.Register(Value("", Long)), "invalid state name")
	wantError(t, ctx.Register(Value("v", Type[int]{})), "the zero Type")
}

func TestAsyncWorkReturnsMessages(t *testing.T) {
	t.Parallel()
	r := &workRecorder{}
	failed := errors.New("failed")
	for _, test := range []struct {
		value string
		err   error
		wrong string
	}{{"x", nil, ""}, {"", failed, "failed"}, {"\xff", nil, "not valid UTF-8"}} {
		Async("op", Long, String).Start(NewContext(r), 1, func(context.Context) (string, error) { return test.value, test.err })
		m, err := r.work(t.Context())
		wantError(t, err, test.wrong)
		if err == nil && string(m.Value) != "\x0a\x01x" {
			t.Errorf("got %v", m)
		}
	}
}

type workRecorder struct {
	recorder
	work AsyncWork
}

func (r *workRecorder) StartAsync(_ string, _ Message, w AsyncWork) { r.work = w }

// Not parallel: it counts allocations.
func TestSendAllocatesNothing(t *testing.T) {
	var ctx Context
	m, to, out := Long.Of(1), Address{"test/type", "some id"}, Egress("test/egress")
	r := &recorder{caller: to, delayed: make([]string, 0, 1000)}
	ctx = NewContext(r)
	for name, do := range map[string]func(){
		"address": func() { ctx.Send(to, m) },
		"self":    func() { ctx.Send(ctx.Self(), m) },
		"egress":  func() { ctx.Send(out, m) },
		"reply":   func() { ctx.Reply(m) },
		"delayed": func() { ctx.SendAfter(time.Second, to, m, CancelToken("x")) },
	} {
		if n := testing.AllocsPerRun(100, do); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if r.failure != nil {
		t.Error(r.failure)
	}
}

func BenchmarkSend(b *testing.B) {
	r := &recorder{}
	ctx, m, to := NewContext(r), Long.Of(1), Address{"bench/type", "account-1234567"}
	b.ReportAllocs()
	for range b.N {
		ctx.Send(to, m)
	}
}

func BenchmarkInvoke(b *testing.B) {
	r := &recorder{caller: Address{"bench/type", "account-1234567"}}
	fn := withHandlers(
		On(String, func(Context, string) error { return nil }),
		On(Long, func(ctx Context, n int64) error { ctx.Reply(Long.Of(n + 1)); return nil }),
	)
	ctx, m := NewContext(r), Long.Of(1)
	b.ReportAllocs()
	for range b.N {
		if err := fn.Invoke(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
}
