package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

type greeting struct {
	Name  string `json:"name"`
	Times int64  `json:"times"`
}

// Functions that tests talk to.
var (
	greetings = functions.JSON[greeting]("test/greeting")
	farewells = functions.JSON[greeting]("test/farewell")
	raw       = functions.Bytes("test/raw")

	count   = functions.Value("count", functions.Int64)
	last    = functions.Value("last greeting", greetings)
	blob    = functions.Value("blob", raw)
	history = functions.List("history", functions.String)
	scores  = functions.Map("scores", functions.Double)
)

// firstRead is the size of a body that is read at once.
const firstRead = 64 << 10

func reply(ctx functions.Context, m functions.Message) {
	if _, ok := ctx.Caller(); ok {
		ctx.Reply(m)
	}
}

// counter adds up, and remembers in every kind of state.
func counter() *functions.Function {
	return &functions.Function{
		Type: "test/counter", States: []functions.State{count, last, blob, history, scores},
		Handlers: []functions.Handler{
			functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
				reply(ctx, functions.Int64.Of(count.Update(ctx, func(v int64) int64 { return v + n })))
				return nil
			}),
			functions.On(greetings, func(ctx functions.Context, g greeting) error {
				last.Set(ctx, g)
				history.Append(ctx, g.Name)
				scores.Set(ctx, g.Name, float64(g.Times)/2)
				g.Times++
				reply(ctx, greetings.Of(g))
				return nil
			}),
			functions.On(raw, func(ctx functions.Context, b []byte) error {
				blob.Set(ctx, b)
				reply(ctx, raw.Of(b))
				return nil
			}),
		},
	}
}

// silent never replies.
func silent() *functions.Function {
	return &functions.Function{
		Type:     "test/silent",
		Handlers: []functions.Handler{functions.OnAny(func(functions.Context, functions.Message) error { return nil })},
	}
}

// polyglot handles two JSON types.
func polyglot() *functions.Function {
	ignore := func(functions.Context, greeting) error { return nil }
	return &functions.Function{
		Type:     "test/polyglot",
		Handlers: []functions.Handler{functions.On(greetings, ignore), functions.On(farewells, ignore)},
	}
}

// fragile fails while broken is open.
func fragile(broken <-chan struct{}) *functions.Function {
	seen := functions.Value("seen", functions.Int64)
	return &functions.Function{
		Type: "test/fragile", States: []functions.State{seen}, MaxAttempts: 1,
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, s string) error {
			select {
			case <-broken:
				n := seen.Update(ctx, func(n int64) int64 { return n + 1 })
				reply(ctx, functions.Int64.Of(n))
				return nil
			default:
				return errors.New("out of " + s)
			}
		})},
	}
}

// slow replies once gate is closed.
func slow(gate <-chan struct{}) *functions.Function {
	return &functions.Function{
		Type: "test/slow", Blocking: true,
		Handlers: []functions.Handler{functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
			reply(ctx, functions.Int64.Of(count.GetOr(ctx, 0)+n))
			return nil
		})},
		States: []functions.State{count},
	}
}

// node is a running engine with its door.
type node struct {
	t      *testing.T
	engine *actors.Engine
	server *Server
	client *http.Client
	repair func() // of test/fragile
	open   func() // lets test/slow go on
}

func start(t *testing.T, change ...func(*actors.Options, *Options)) *node {
	t.Helper()
	env := environment.Real()
	env.FS = vfs.NewMem()
	broken, gate := make(chan struct{}), make(chan struct{})
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	eo := actors.Options{
		Environment: env, Logger: logger, Journal: persistence.Options{Dir: "/data"}, FirstBackoff: time.Millisecond,
		Functions: []*functions.Function{counter(), silent(), polyglot(), fragile(broken), slow(gate)},
	}
	so := Options{Environment: env, Address: "127.0.0.1:0", Logger: logger}
	for _, f := range change {
		f(&eo, &so)
	}
	n := &node{t: t, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	n.repair, n.open = func() { close(broken) }, func() { close(gate) }
	n.engine = startEngine(t, eo)
	if so.Node == nil {
		so.Node = n.engine
	}
	n.server = New(so)
	if err := n.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	return n
}

func startEngine(t testing.TB, o actors.Options) *actors.Engine {
	t.Helper()
	e, err := actors.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	return e
}

func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n.client.CloseIdleConnections()
	if err := errors.Join(n.server.Close(ctx), n.engine.Close()); err != nil {
		n.t.Errorf("stop: %v", err)
	}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// do sends a request; headers are pairs.
func (n *node) do(method, path, body string, headers ...string) answer {
	n.t.Helper()
	a, err := n.try(method, path, body, headers...)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

func (n *node) try(method, path, body string, headers ...string) (answer, error) {
	r, err := http.NewRequest(method, n.server.URL()+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Add(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := n.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp, string(b)}, err
}

// send sends a message, and call waits for its reply.
func (n *node) send(path string, m functions.Message, headers ...string) answer {
	n.t.Helper()
	return n.do(http.MethodPut, path, string(m.Value), append(headers, "Content-Type", "application/vnd."+string(m.Type))...)
}

func (n *node) call(path string, m functions.Message, headers ...string) answer {
	n.t.Helper()
	return n.send(path+"?call", m, headers...)
}

// expect checks the status and that the body has the parts in it. An error is
// JSON that says so.
func (a answer) expect(t *testing.T, status int, parts ...string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	text := a.body
	if status >= 400 {
		text = a.problem(t)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s %s: got %q, want %q in it", a.Request.Method, a.Request.URL, text, part)
		}
	}
	return a
}

func (a answer) problem(t *testing.T) string {
	t.Helper()
	var p struct {
		Error string `json:"error"`
	}
	if a.decode(t, &p); p.Error == "" {
		t.Errorf("no error in %q", a.body)
	}
	return p.Error
}

func (a answer) decode(t *testing.T, v any) {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q of %s", got, a.body)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

func (a answer) expectInt(t *testing.T, want int64) {
	t.Helper()
	a.expect(t, http.StatusOK)
	got, err := functions.Int64.Decode([]byte(a.body))
	if typ := a.Header.Get("Content-Type"); err != nil || got != want || typ != "application/vnd.io.statefun.types/long" {
		t.Fatalf("got %s %q (%d, %v), want %d", typ, a.body, got, err, want)
	}
}

func (a answer) expectHeader(t *testing.T, name, want string) {
	t.Helper()
	if got := a.Header.Get(name); got != want {
		t.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL, name, got, want)
	}
}

// eventually waits for what other goroutines do.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("timed out waiting for " + what)
		}
	}
}

var errFake = fmt.Errorf("the disk is on fire")
