package http

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/internal/httpserver"
	"github.com/statefun-go/statefun/functions"
)

func TestSendAndCall(t *testing.T) {
	t.Parallel()
	n := start(t)
	a := n.send("/test/counter/alice", functions.Int64.Of(40)).expect(t, http.StatusAccepted)
	if a.body != "" {
		t.Errorf("body %q", a.body)
	}
	n.call("/test/counter/alice", functions.Int64.Of(2)).expectInt(t, 42)
	n.do(http.MethodPost, "/test/counter/alice?call", "", "Content-Type", "APPLICATION/VND.io.statefun.types/long").expectInt(t, 42)
	n.call("/test/counter/bob", functions.Int64.Of(1)).expectInt(t, 1)

	a = n.call("/test/counter/alice", functions.Int64.Of(1), "Accept", "text/html, application/JSON;q=0.9").expect(t, http.StatusOK)
	if a.body != "43" || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %q", a.body)
	}
	a = n.call("/test/counter/alice", raw.Of([]byte{1, 2}), "Accept", "application/json").expect(t, http.StatusOK)
	if a.body != "\x01\x02" || a.Header.Get("Content-Type") != "application/vnd.test/raw" {
		t.Errorf("got %q", a.body)
	}
}

func TestJSONIsEnoughWhereItIsClear(t *testing.T) {
	t.Parallel()
	n := start(t)
	a := n.do("PUT", "/test/counter/x?call", `{"name": "Ann", "times": 1}`, "Content-Type", "application/json; charset=utf-8", "Accept", "application/json")
	var g greeting
	if a.expect(t, 200).decode(t, &g); g != (greeting{"Ann", 2}) {
		t.Errorf("got %+v", g)
	}
	n.do("PUT", "/test/counter/x", `{"name": `, "Content-Type", "application/json").expect(t, 400, "not JSON")
	n.do("PUT", "/test/polyglot/x", `{}`, "Content-Type", "application/json").expect(t, 415, `test/polyglot handles "test/greeting", "test/farewell"`)
	n.do("PUT", "/test/silent/x", `{}`, "Content-Type", "application/json").expect(t, 415, "any message")
	n.do("PUT", "/test/polyglot/x", `{}`, "Content-Type", "application/vnd.test/farewell").expect(t, 202)
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	n := start(t)
	for _, c := range []struct{ header, want string }{
		{"text/plain", `Content-Type "text/plain"; expected Content-Type: application/vnd.<namespace>/<name>`},
		{"application/vnd.api+json", "must be of format <namespace>/<name>"},
		{"application/vnd.a/b/c", "must be of format"},
		{"application/vnd./b", "must be of format"},
		{"application/vnd.", "must be of format"},
		{"application/vnd.a/" + strings.Repeat("b", 2000), "at most 1024"},
		{"application/vnd.a/\xff", "not valid UTF-8"},
		{"application/vnd.io.statefun/once.request", "the runtime's own"},
		{"application/vnd.io.statefun.async/result", "the runtime's own"},
		{"application/vnd" + strings.Repeat("b", 2000), "…"},
		{"", `Content-Type ""`},
	} {
		n.do("PUT", "/test/counter/x", "", "Content-Type", c.header).expect(t, 415, c.want)
	}
	n.do("PUT", "/test/counter/x", "").expect(t, 415, "no Content-Type; expected")
	n.do("PUT", "/test/counter/x", "", "Content-Type", "a/b", "Content-Type", "a/b").expect(t, 415, "2 Content-Types, expected one")
	n.do("PUT", "/test/counter/x?call", "", "Content-Type", "application/vnd.io.statefun.types/long ; charset=utf-8").expectInt(t, 0)
}

func TestPaths(t *testing.T) {
	t.Parallel()
	n := start(t)
	long := functions.Int64.Of(1)
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/", 400, "expected /<namespace>/<type>/<id>"},
		{"/test", 400, "expected /<namespace>/<type>/<id>"},
		{"/test/counter", 400, "expected /<namespace>/<type>/<id>"},
		{"//counter/x", 400, "must be of format"},
		{"/test//x", 400, "must be of format"},
		{"/te%2Fst/counter/x", 400, "must be of format"},
		{"/no/such/x", 404, "unknown function no/such"},
		{"/io.statefun/once/x", 404, "no such path"},
		{"/io%2Estatefun/once/x", 404, "unknown function io.statefun/once"},
		{"/io.statefun%2Fonce/x", 400, ""},
		{"/test/counter/%FF", 400, "not valid UTF-8"},
		{"/test/counter/" + strings.Repeat("x", 64<<10+1), 400, "id of 65537 bytes for test/counter, at most 65536 are allowed"},
		{"/test/counter/" + strings.Repeat("x", 1_000_000), 400, "id of 1000000 bytes"},
		{"/test/counter/x?timeout=1s", 400, "timeout without call"},
		{"/test/counter/x?cal", 400, `parameter "cal", expected call and timeout`},
		{"/test/counter/x?call&call", 400, `parameter "call"`},
		{"/test/counter/x?call&timeout=fast", 400, `timeout "fast", expected a duration such as 5s`},
		{"/test/counter/x?call&timeout=-1s", 400, "expected a duration"},
		{"/test/counter/x?call&timeout=11m", 400, "at most 10m0s"},
		{"/test/counter/x?call&a=%zz", 400, "malformed query"},
	} {
		n.send(c.path, long).expect(t, c.status, c.want)
	}
}

// Every spelling of an id names the same instance, and no other.
func TestIDs(t *testing.T) {
	t.Parallel()
	n := start(t)
	for i, c := range []struct{ path, id string }{
		{"a/b", "a/b"},
		{"a%2Fb", "a/b"},
		{"a%2fb%2F", "a/b/"},
		{"", ""},
		{"/", "/"},
		{"a//b/../c", "a//b/../c"},
		{"%C3%BC%20%3F%23%25", "ü ?#%"},
		{"a+b", "a+b"},
		{"a;b&c=d", "a;b&c=d"},
		{"x/state", "x/state"},
		{"%F0%9F%A6%A9", "🦩"},
		{strings.Repeat("%C3%BC", 32<<10), strings.Repeat("ü", 32<<10)},
	} {
		a := n.call("/test/counter/"+c.path, raw.Of([]byte{byte(i)})).expect(t, 200)
		if a.body != string([]byte{byte(i)}) {
			t.Errorf("%s: got %q", c.path, a.body)
		}
		states, err := n.engine.State(functions.Address{Type: "test/counter", ID: c.id})
		if err != nil || len(states) != 1 || string(states[0].Value) != a.body {
			t.Errorf("%s: state of %q is %+v, %v", httpserver.Clip(c.path), httpserver.Clip(c.id), states, err)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	n := start(t)
	for _, c := range []struct{ method, path, allow string }{
		{"DELETE", "/test/counter/x", "POST, PUT"},
		{"GET", "/test/counter/x", "POST, PUT"},
		{"PATCH", "/test/counter/x/state", "GET, POST, PUT"},
		{"POST", "/healthz", "GET"},
		{"PUT", "/metrics", "GET"},
		{"PUT", "/io.statefun/status", "GET"},
		{"GET", "/io.statefun/purge", "POST"},
		{"POST", "/io.statefun/quarantine/1", "DELETE, GET"},
	} {
		n.do(c.method, c.path, "").expect(t, 405, c.method+" is not allowed here, expected "+c.allow).expectHeader(t, "Allow", c.allow)
	}
	n.do("GET", "/test/counter/x", "").expect(t, 405, "/state")
	n.do("GET", "/nothing", "").expect(t, 404, "expected")
	n.do("GET", "/io.statefun/nothing", "").expect(t, 404, "quarantine and purge")
	n.do("POST", "/io.statefun/quarantine/1/again", "").expect(t, 404, "retry")
	n.do("POST", "/io.statefun/quarantine/one/retry", "").expect(t, 400, "expected a number")
}

func TestBodies(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) { o.MaxBodyBytes = 1 << 20 })
	for _, size := range []int{0, 1, firstRead, firstRead + 1, 300_000, 1 << 20} {
		body := strings.Repeat("x", size)
		if a := n.call("/test/counter/x", raw.Of([]byte(body))).expect(t, 200); a.body != body {
			t.Errorf("%d bytes became %d", size, len(a.body))
		}
	}
	n.send("/test/counter/x", raw.Of(make([]byte, 1<<20+1))).expect(t, 413, "more than 1048576 bytes")
}

func TestCallTimesOutAndTheMessageStaysAccepted(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.send("/test/silent/x?call&timeout=20ms", functions.Int64.Of(1)).expect(t, 504, "no reply within 20ms; the message stays accepted")
	n.send("/test/slow/x?call&timeout=20ms", functions.Int64.Of(1)).expect(t, 504)
	n.open()
	n.call("/test/slow/x", functions.Int64.Of(2)).expectInt(t, 2)
	eventually(t, "the late reply", func() bool { return n.engine.Metrics().LateReplies == 1 })
}

func TestTheServersOwnTimeout(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) { o.CallTimeout = 10 * time.Millisecond })
	n.call("/test/silent/x", functions.Int64.Of(1)).expect(t, 504, "within 10ms")
}

// A call may wait for longer than a request may take to arrive.
func TestCallOutlastsTheReadTimeout(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) {
		o.ReadTimeout, o.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	n.send("/test/silent/x?call&timeout=300ms", functions.Int64.Of(1)).expect(t, 504, "within 300ms")
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	n := start(t)
	one, two := functions.Int64.Of(1), functions.Int64.Of(2)
	for range 3 {
		n.call("/test/counter/x", one, "Idempotency-Key", "k1").expectInt(t, 1)
		n.send("/test/counter/x", one, "Idempotency-Key", "k2").expect(t, 202)
	}
	n.call("/test/counter/x", two, "Idempotency-Key", "k1").expect(t, 422, "was used before with another body, type or query")
	n.send("/test/counter/x", two, "Idempotency-Key", "k2").expect(t, 422)
	n.call("/test/counter/y", two, "Idempotency-Key", "k1").expectInt(t, 2)
	n.call("/test/counter/x", functions.Int64.Of(0)).expectInt(t, 2)

	n.send("/test/counter/x", one, "Idempotency-Key", "").expect(t, 400, "expected 1 to 1024")
	n.send("/test/counter/x", one, "Idempotency-Key", strings.Repeat("k", MaxKeyBytes+1)).expect(t, 400, "Idempotency-Key of 1025 bytes")
	n.send("/test/counter/x", one, "Idempotency-Key", "a", "Idempotency-Key", "b").expect(t, 400, "2 Idempotency-Keys")
	n.send("/test/counter/x", one, "Idempotency-Key", "\xff").expect(t, 400, "not valid UTF-8")
	n.call("/test/counter/z", one, "Idempotency-Key", strings.Repeat("k", MaxKeyBytes)).expectInt(t, 1)
}

// Of many requests with one key at the same time one has an effect, and all get
// its answer.
func TestConcurrentIdempotentCalls(t *testing.T) {
	t.Parallel()
	n := start(t)
	var all sync.WaitGroup
	for key := range 4 {
		for range 8 {
			all.Go(func() {
				n.call(fmt.Sprint("/test/counter/", key), functions.Int64.Of(int64(key+1)), "Idempotency-Key", "k").expectInt(t, int64(key+1))
			})
		}
	}
	all.Wait()
	for key := range 4 {
		n.call(fmt.Sprint("/test/counter/", key), functions.Int64.Of(0)).expectInt(t, int64(key+1))
	}
}

// A second request with the key of one that is under way waits for it.
func TestIdempotentCallInFlight(t *testing.T) {
	t.Parallel()
	n := start(t)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			n.call("/test/slow/x", functions.Int64.Of(7), "Idempotency-Key", "k").expectInt(t, 7)
		})
	}
	n.send("/test/slow/x?call&timeout=50ms", functions.Int64.Of(7), "Idempotency-Key", "k").expect(t, 504)
	n.open()
	all.Wait()
}

// fake is a node that fails as told.
type fake struct {
	Node
	err error
}

func (f *fake) Send(context.Context, functions.Address, functions.Message) error { return f.err }

func (f *fake) Call(context.Context, functions.Address, functions.Message) (actors.Answer, error) {
	return actors.Answer{}, f.err
}

func (f *fake) StateEntries(_ functions.Address, _ string, visit func(actors.StateEntry) bool) (actors.StateValue, error) {
	visit(actors.StateEntry{Value: functions.String.Of("one").Value})
	return actors.StateValue{}, f.err
}

func TestNodeErrors(t *testing.T) {
	t.Parallel()
	f := &fake{}
	n := start(t, func(_ *actors.Options, o *Options) { o.Node = f })
	f.Node = n.engine
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{actors.ErrOverloaded, 429, "overloaded"},
		{actors.ErrClosed, 503, "stopping"},
		{errFake, 500, "the disk is on fire"},
		{context.Canceled, 504, "not done in time"},
	} {
		f.err = c.err
		for _, path := range []string{"/test/counter/x", "/test/counter/x?call"} {
			n.send(path, functions.Int64.Of(1)).expect(t, c.status, c.want)
		}
	}
	f.err = actors.ErrOverloaded
	n.send("/test/counter/x", functions.Int64.Of(1)).expectHeader(t, "Retry-After", "1")
}

// A journal that is over its bound on disk refuses what comes from outside.
func TestOverload(t *testing.T) {
	t.Parallel()
	n := start(t, func(o *actors.Options, _ *Options) { o.MaxBacklogBytes, o.IdleAfter = 1, 10*time.Millisecond })
	eventually(t, "overload", func() bool {
		return n.send("/test/counter/x", functions.Int64.Of(1)).StatusCode == 429
	})
	n.call("/test/counter/x", functions.Int64.Of(1)).expect(t, 429, "overloaded").expectHeader(t, "Retry-After", "1")
}

func TestAStoppedNode(t *testing.T) {
	t.Parallel()
	n := start(t)
	if err := n.engine.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.send("/test/counter/x", functions.Int64.Of(1)).expect(t, 503, "the node is stopping")
	n.call("/test/counter/x", functions.Int64.Of(1)).expect(t, 503, "the node is stopping")
}
