package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"reflect"
	goruntime "runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

var quiet = Options{Logger: slog.New(slog.DiscardHandler)}

func newHandler(t testing.TB, o Options, fns ...functions.Function) *Handler {
	t.Helper()
	h, err := NewHandler(o, fns...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// doing is a function that does, on any message, what the test says.
func doing(f func(ctx functions.Context, m functions.Message) error, states ...functions.State) functions.Function {
	return functions.Function{Type: "test/fn", States: states, Handlers: []functions.Handler{functions.OnAny(f)}}
}

func nothing(functions.Context, functions.Message) error { return nil }

// request is a batch of messages to test/fn.
func request(messages ...string) *protocol.ToFunction {
	var m protocol.ToFunction
	m.Invocation.Target = functions.TypeName("test/fn").At("1")
	for _, s := range messages {
		text := functions.String.Of(s)
		m.Invocation.Invocations = append(m.Invocation.Invocations, protocol.Invocation{Argument: protocol.ValueOf(text.Type, text.Value)})
	}
	return &m
}

// What the official SDK for Go answers, and 413.
func TestHTTP(t *testing.T) {
	t.Parallel()
	o := quiet
	o.MaxRequestBytes = 1000
	h := newHandler(t, o, doing(nothing))
	good := string(request("x").Append(nil))
	unknown := request("x")
	unknown.Invocation.Target = functions.TypeName("test/other").At("1")
	for name, c := range map[string]struct {
		method, contentType, body string
		status                    int
		text                      string
	}{
		"good":             {"POST", "application/octet-stream", good, 200, "\xa2\x06\x00"},
		"no content type":  {"POST", "", good, 200, "\xa2\x06\x00"},
		"method":           {"GET", "", "", 405, "invalid request method GET"},
		"content type":     {"POST", "application/json", good, 415, `invalid content type "application/json", expected application/octet-stream`},
		"with a parameter": {"POST", "application/octet-stream; charset=utf-8", good, 415, "invalid content type"},
		"empty":            {"POST", "application/octet-stream", "", 400, "empty request body"},
		"too large":        {"POST", "application/octet-stream", strings.Repeat("x", 1001), 413, "more than 1000 bytes"},
		"not a message":    {"POST", "application/octet-stream", "hello", 500, "protocol: ToFunction: "},
		"no invocation":    {"POST", "application/octet-stream", "\xa2\x07\x00", 500, "the request has no invocation"},
		"no target":        {"POST", "application/octet-stream", "\xa2\x06\x00", 500, `target: functions: invalid type name ""`},
		"unknown function": {"POST", "application/octet-stream", string(unknown.Append(nil)), 500, `unknown function type test/other: here are ["test/fn"]`},
	} {
		for _, chunked := range []bool{false, true} {
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/", strings.NewReader(c.body))
			if chunked {
				r.ContentLength = -1
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%s (chunked %t): %d %q, want %d %q", name, chunked, w.Code, w.Body, c.status, c.text)
			}
			want := "text/plain; charset=utf-8"
			if c.status == 200 {
				want = "application/octet-stream"
			}
			if got := w.Header().Get("Content-Type"); got != want {
				t.Errorf("%s: content type %q, want %q", name, got, want)
			}
		}
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("cut off") }

func TestIncompleteBody(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", failingReader{})
	newHandler(t, quiet, doing(nothing)).ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "cut off") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// COMPAT 7, 14, 15: states that the request does not name are asked for, with their
// expirations, and the function is not called.
func TestMissingStates(t *testing.T) {
	t.Parallel()
	calls := 0
	h := newHandler(t, quiet, doing(func(functions.Context, functions.Message) error { calls++; return nil },
		functions.Value("known", functions.Int),
		functions.Value("never", functions.Long),
		functions.Value("written", functions.String).ExpireAfterWrite(time.Hour),
		functions.Value("invoked", functions.Bool).ExpireAfterInvoke(1500*time.Microsecond),
	))
	m := request("x")
	m.Invocation.State = []protocol.PersistedValue{{StateName: "known"}, {StateName: "of another version"}}
	a := post(t, h, m)
	want := protocol.IncompleteInvocationContext{Present: true, MissingValues: []protocol.PersistedValueSpec{
		{StateName: "never", TypeTypename: "io.statefun.types/long"},
		{StateName: "written", TypeTypename: "io.statefun.types/string", ExpirationSpec: protocol.ExpirationSpec{Present: true, Mode: protocol.ExpireAfterWrite, ExpireAfterMillis: 3600000}},
		{StateName: "invoked", TypeTypename: "io.statefun.types/bool", ExpirationSpec: protocol.ExpirationSpec{Present: true, Mode: protocol.ExpireAfterInvoke, ExpireAfterMillis: 2}},
	}}
	if a.status != 200 || a.InvocationResult.Present || !reflect.DeepEqual(a.IncompleteInvocationContext, want) || calls != 0 {
		t.Errorf("%d calls, answer %+v", calls, a)
	}
}

// COMPAT 10: what is absent, what has no bytes, what is there.
func TestAbsentAndEmptyStates(t *testing.T) {
	t.Parallel()
	s := functions.Value("s", functions.Long)
	h := newHandler(t, quiet, doing(func(ctx functions.Context, _ functions.Message) error {
		v, ok := s.Get(ctx)
		ctx.Send(functions.Egress("test/out"), functions.JSON[[]any]("test/Seen").Of([]any{v, ok}))
		return nil
	}, s))
	for name, c := range map[string]struct {
		value protocol.TypedValue
		want  string
	}{
		"absent":            {protocol.TypedValue{}, "[0,false]"},
		"without a value":   {protocol.TypedValue{Present: true, Typename: "io.statefun.types/long"}, "[0,false]"},
		"present but empty": {protocol.TypedValue{Present: true}, "[0,false]"},
		"zero":              {protocol.ValueOf("io.statefun.types/long", nil), "[0,true]"},
		"two":               {protocol.ValueOf("io.statefun.types/long", []byte{9, 2, 0, 0, 0, 0, 0, 0, 0}), "[2,true]"},
	} {
		m := request("x")
		m.Invocation.State = []protocol.PersistedValue{{StateName: "s", StateValue: c.value}}
		a := post(t, h, m)
		if a.status != 200 || string(a.InvocationResult.OutgoingEgresses[0].Argument.Value) != c.want {
			t.Errorf("%s: %+v, want %s", name, a, c.want)
		}
	}
}

// COMPAT 11, 12: mutations, and state of another type than declared.
func TestMutations(t *testing.T) {
	t.Parallel()
	s := functions.Value("s", functions.Int)
	u := functions.Value("unused", functions.Int)
	h := newHandler(t, quiet, doing(func(ctx functions.Context, m functions.Message) error {
		switch text, _ := functions.String.From(m); text {
		case "zero":
			s.Set(ctx, 0)
		case "clear":
			s.Clear(ctx)
		}
		return nil
	}, s, u))
	mutated := func(messages ...string) []protocol.PersistedValueMutation {
		m := request(messages...)
		m.Invocation.State = []protocol.PersistedValue{{StateName: "unused"}, {StateName: "s"}}
		return post(t, h, m).InvocationResult.StateMutations
	}
	zero := []protocol.PersistedValueMutation{{MutationType: protocol.Modify, StateName: "s", StateValue: protocol.TypedValue{Present: true, Typename: "io.statefun.types/int", HasValue: true}}}
	gone := []protocol.PersistedValueMutation{{MutationType: protocol.Delete, StateName: "s"}}
	for _, c := range []struct {
		messages []string
		want     []protocol.PersistedValueMutation
	}{{[]string{"zero"}, zero}, {[]string{"clear"}, gone}, {[]string{"zero", "clear"}, gone}, {[]string{"clear", "zero"}, zero}, {[]string{"no"}, nil}} {
		if got := mutated(c.messages...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, want %+v", c.messages, got, c.want)
		}
	}
	m := request("zero")
	m.Invocation.State = []protocol.PersistedValue{{StateName: "unused"}, {StateName: "s", StateValue: protocol.ValueOf("io.statefun.types/long", nil)}}
	a := post(t, h, m)
	want := `state "s" is declared with type "io.statefun.types/int", the request has one of type "io.statefun.types/long"`
	if a.status != 500 || !strings.Contains(a.text, want) {
		t.Errorf("%d %q, want 500 %q", a.status, a.text, want)
	}
}

// COMPAT 22: callers.
func TestCallers(t *testing.T) {
	t.Parallel()
	h := newHandler(t, quiet, doing(func(ctx functions.Context, _ functions.Message) error {
		caller, ok := ctx.Caller()
		ctx.Send(functions.Egress("test/out"), functions.JSON[[]any]("test/Seen").Of([]any{caller, ok}))
		return nil
	}))
	for _, c := range []struct {
		caller functions.Address
		want   string
	}{
		{functions.Address{}, `["",false]`},
		{functions.Address{Type: "/"}, `["",false]`}, // present but empty
		{functions.Address{Type: "a/b", ID: ""}, `["a/b/",true]`},
		{functions.Address{Type: "a/b", ID: "c/d"}, `["a/b/c/d",true]`},
	} {
		m := request("x")
		m.Invocation.Invocations[0].Caller = c.caller
		a := post(t, h, m)
		if a.status != 200 || string(a.InvocationResult.OutgoingEgresses[0].Argument.Value) != c.want {
			t.Errorf("%q: %+v, want %s", c.caller, a, c.want)
		}
	}
	m := request("x", "y")
	m.Invocation.Invocations[1].Caller = functions.Address{Type: "/b", ID: "c"}
	if a := post(t, h, m); a.status != 500 || a.failedIndex != 1 || !strings.Contains(a.text, `caller: functions: invalid type name "/b"`) {
		t.Errorf("half a caller: %+v", a)
	}
	m = request("x")
	m.Invocation.Invocations[0].Argument = protocol.TypedValue{}
	if a := post(t, h, m); a.status != 500 || a.failedIndex != 0 || !strings.Contains(a.text, "no argument") {
		t.Errorf("no argument: %+v", a)
	}
}

// All or nothing: what went before the failure is not in the answer, which says
// where it was, and why.
func TestFailures(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var unset map[string]int
	fn := doing(func(ctx functions.Context, m functions.Message) error {
		ctx.Send(functions.Egress("test/out"), m)
		switch text, _ := functions.String.From(m); text {
		case "error":
			return errors.New("planned")
		case "permanent":
			return functions.Permanent(errors.New("planned"))
		case "panic":
			panic("planned")
		case "nil map":
			unset["x"]++
		case "long":
			return errors.New(strings.Repeat("ä", 1_000_000))
		case "list":
			functions.List("l", functions.Int).Append(ctx, 1)
		case "async":
			functions.Async("work", functions.Int, functions.Int).Start(ctx, 1, func(context.Context) (int32, error) { return 0, nil })
		}
		return nil
	})
	fn.MaxAttempts = 3
	h := newHandler(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, fn)
	for kind, c := range map[string]struct {
		text, logged string
		permanent    bool
	}{
		"error":     {"test/fn failed on invocation 1 of its batch: planned", `level=WARN msg="an invocation failed" function=test/fn id=1 invocation=1 error=planned`, false},
		"permanent": {"planned", "planned", true},
		"panic":     {"panic: planned", "handler_test.go", false}, // the stack
		"nil map":   {"panic: assignment to entry in nil map", "nil map", false},
		"long":      {"ä", "ä", false},
		"list":      {`state "l" is a list`, "list", true},
		"async":     {`asynchronous work "work"`, "work", true},
	} {
		log.Reset()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(request("fine", kind, "fine").Append(nil)))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 500 || !strings.Contains(w.Body.String(), c.text) || w.Body.Len() > 5000 {
			t.Errorf("%s: %d %.100q of %d bytes", kind, w.Code, w.Body, w.Body.Len())
		}
		header := w.Header()
		if header.Get("Statefun-Failed-Invocation") != "1" || header.Get("Statefun-Max-Attempts") != "3" || (header.Get("Statefun-Permanent") == "true") != c.permanent {
			t.Errorf("%s: %v", kind, header)
		}
		if !strings.Contains(log.String(), c.logged) {
			t.Errorf("%s: logged %.500q", kind, log.String())
		}
	}
}

// A function that ends its goroutine ends neither the process nor the wait for an
// answer. This takes a real server: the goroutine is its.
func TestGoexit(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(newHandler(t, quiet, doing(func(functions.Context, functions.Message) error {
		if calls.Add(1) == 1 {
			goruntime.Goexit()
		}
		return nil
	})))
	defer server.Close()
	for _, want := range []int{500, 200} {
		response, err := server.Client().Post(server.URL, protocol.ContentType, bytes.NewReader(request("x").Append(nil)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != want || want == 500 && !strings.Contains(string(body), "runtime.Goexit") {
			t.Errorf("%d %q %v, want %d", response.StatusCode, body, err, want)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	fn := doing(func(ctx functions.Context, _ functions.Message) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		<-ctx.Done()
		return nil
	})
	fn.Deadline = time.Millisecond
	a := post(t, newHandler(t, quiet, fn), request("x"))
	if a.status != 500 || !strings.Contains(a.text, "exceeded its deadline") {
		t.Errorf("%+v", a)
	}
}

// The runtime gave the request up: nobody needs the rest of the batch.
func TestClientGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	h := newHandler(t, quiet, doing(func(functions.Context, functions.Message) error { calls++; cancel(); return nil }))
	if _, err := h.Invoke(ctx, request("x", "y").Append(nil)); !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	o := quiet
	got := map[string]int64{}
	o.Count = func(fn functions.TypeName, name string, delta int64) { got[string(fn)+" "+name] += delta }
	h := newHandler(t, o, doing(func(ctx functions.Context, _ functions.Message) error { ctx.Count("seen", 2); return nil }))
	post(t, h, request("x", "y"))
	if want := map[string]int64{"test/fn seen": 4}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// COMPAT 8, 101: a state that is registered at run time is asked for, and the same
// invocations come again.
func TestRegister(t *testing.T) {
	t.Parallel()
	dynamic := functions.Value("dynamic", functions.Long).ExpireAfterWrite(time.Second)
	calls := 0
	r := newRuntime(t, newHandler(t, quiet, doing(func(ctx functions.Context, _ functions.Message) error {
		calls++
		if err := ctx.Register(dynamic); err != nil {
			return err
		}
		dynamic.Update(ctx, func(v int64) int64 { return v + 1 })
		if calls == 1 {
			return errors.New("not known yet: what comes of it does not count")
		}
		return ctx.Register(dynamic)
	})), "test/fn")
	for range 3 {
		if _, failures := r.deliver("1", []delivery{{message: functions.Bool.Of(true)}}); failures != nil {
			t.Fatal(failures)
		}
	}
	if v, _ := dynamic.Get(r.at("1")); v != 3 || r.handshakes != 1 || calls != 4 {
		t.Errorf("value %d after %d handshakes and %d calls", v, r.handshakes, calls)
	}
	if got := r.specs["dynamic"]; got.ExpirationSpec.ExpireAfterMillis != 1000 {
		t.Errorf("asked for %+v", got)
	}
}

func TestNewHandlerRefuses(t *testing.T) {
	t.Parallel()
	work := functions.Async("work", functions.Int, functions.Int)
	impossible := functions.Function{
		Type:   "test/impossible",
		States: []functions.State{functions.List("l", functions.Int), functions.Value("v", functions.Int), functions.Map("m", functions.Int)},
		Handlers: []functions.Handler{
			functions.OnAny(nothing),
			functions.OnResult(work, func(functions.Context, functions.Result[int32, int32]) error { return nil }),
		},
	}
	o := Options{MaxRequestBytes: -1}
	_, err := NewHandler(o, functions.Function{Type: "x"}, impossible, doing(nothing), doing(nothing))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, want := range []string{
		"MaxRequestBytes: -1 is negative",
		`function "x": Type: functions: invalid type name "x"`,
		`function "test/impossible": state "l" is a list: a remote function can only have values`,
		`state "m" is a map: a remote function can only have values`,
		`asynchronous work "work": a remote function can only do the work in its handler`,
		`two functions are named "test/fn"`,
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("%q is not said by\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), `"v"`) {
		t.Errorf("a value is refused: %v", err)
	}
	if _, err := NewHandler(Options{}); err == nil || !strings.Contains(err.Error(), "no function") {
		t.Errorf("without functions: %v", err)
	}
}

// The handler is used by many requests at once.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	s := functions.Value("s", functions.String)
	h := newHandler(t, quiet, doing(func(ctx functions.Context, m functions.Message) error {
		before := s.GetOr(ctx, "")
		text, err := functions.String.From(m)
		s.Set(ctx, before+text)
		ctx.Send(functions.TypeName("test/echo").At(text), m)
		return err
	}, s))
	done := make(chan string)
	for i := range 8 {
		go func() {
			wrong := ""
			for range 200 {
				text := strings.Repeat(string(rune('a'+i)), 5)
				m := request(text, text)
				m.Invocation.State = []protocol.PersistedValue{{StateName: "s", StateValue: protocol.ValueOf(functions.String.Name(), functions.String.Of(text).Value)}}
				a := post(t, h, m)
				got, err := functions.String.Decode(a.InvocationResult.StateMutations[0].StateValue.Value)
				if err != nil || got != text+text+text || a.InvocationResult.OutgoingMessages[1].Target.ID != text {
					wrong = got
				}
			}
			done <- wrong
		}()
	}
	for range 8 {
		if wrong := <-done; wrong != "" {
			t.Errorf("got %q", wrong)
		}
	}
}
