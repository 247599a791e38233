package playground

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

type greetRequest struct {
	Name string `json:"name"`
}

var (
	requests = functions.JSON[greetRequest]("example/GreetRequest")
	records  = functions.Bytes(RecordType)
	others   = functions.Bytes("example/Other")
	visits   = functions.Value("visits", functions.Int64)
)

func recordOf(topic, payload string) functions.Message {
	b, err := json.Marshal(map[string]string{"topic": topic, "payload": payload})
	if err != nil {
		return functions.Message{}
	}
	return records.Of(b)
}

// person is the greeter of the README.
func person() *functions.Function {
	return &functions.Function{Type: "example/person", States: []functions.State{visits}, Handlers: []functions.Handler{
		functions.On(requests, func(ctx functions.Context, r greetRequest) error {
			n := visits.Update(ctx, func(n int64) int64 { return n + 1 })
			ctx.Send(module.PlaygroundEgressID, recordOf("greetings", fmt.Sprintf("%s %s %d", ctx.Self().ID, r.Name, n)))
			return nil
		}),
	}}
}

// relay sends every message to the egress as it came.
func relay() *functions.Function {
	return &functions.Function{Type: "example/relay", Handlers: []functions.Handler{
		functions.OnAny(func(ctx functions.Context, m functions.Message) error {
			ctx.Send(module.PlaygroundEgressID, m)
			return nil
		}),
	}}
}

// node is an engine with both ends of the playground.
type node struct {
	t       *testing.T
	options actors.Options
	o       Options
	engine  *actors.Engine
	in      *Ingress
	out     *Egress
	client  *http.Client
}

func start(t *testing.T, change ...func(*actors.Options, *Options)) *node {
	t.Helper()
	env := environment.Memory()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	n := &node{t: t, client: &http.Client{Transport: &http.Transport{}}}
	n.options = actors.Options{
		Environment: env, Logger: logger, Journal: persistence.Options{Dir: "/data"}, FirstBackoff: time.Millisecond,
		Functions: []*functions.Function{person(), relay()},
	}
	n.o = Options{Environment: env, Logger: logger}
	for _, f := range change {
		f(&n.options, &n.o)
	}
	n.open()
	t.Cleanup(n.close)
	return n
}

func (n *node) open() {
	n.t.Helper()
	var err error
	n.in = NewIngress(&module.PlaygroundIngress{}, n.o)
	if n.out, err = NewEgress(&module.PlaygroundEgress{Topics: []string{"greetings", "b/ä", "idle"}}, n.o); err != nil {
		n.t.Fatal(err)
	}
	n.options.Pulled = map[functions.TypeName]actors.QueueOf{EgressID: n.out.QueueOf}
	if n.engine, err = actors.Open(n.options); err != nil {
		n.t.Fatal(err)
	}
	err = errors.Join(n.engine.Start(), n.in.Start(n.t.Context(), n.engine), n.out.Start(n.t.Context(), n.engine))
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n.client.CloseIdleConnections()
	if err := errors.Join(n.in.Close(ctx), n.out.Close(ctx), n.engine.Drain(ctx), n.engine.Close()); err != nil {
		n.t.Errorf("close: %v", err)
	}
}

func (n *node) do(method, url, body string, headers ...string) (status int, answer string) {
	n.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Add(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := n.client.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	var problem struct{ Error string }
	if resp.StatusCode >= 400 && json.Unmarshal(b, &problem) == nil {
		return resp.StatusCode, problem.Error
	}
	return resp.StatusCode, string(b)
}

// put sends to the ingress and expects a status, and waits for what comes of it.
func (n *node) put(path, contentType, body string, want int, headers ...string) string {
	n.t.Helper()
	if contentType != "" {
		headers = append(headers, "Content-Type", contentType)
	}
	status, answer := n.do("PUT", n.in.URL()+path, body, headers...)
	if status != want {
		n.t.Fatalf("PUT %s: status %d, want %d: %s", path, status, want, answer)
	}
	if err := n.engine.Idle(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	return answer
}

func (n *node) emit(m functions.Message) {
	n.t.Helper()
	n.put("/example/relay/r", "application/vnd."+string(m.Type), string(m.Value), 200)
}

// get polls a topic and expects an answer.
func (n *node) get(path string, status int, want string) {
	n.t.Helper()
	got, answer := n.do("GET", n.out.URL()+path, "")
	if got != status || (status < 300 && answer != want) || !strings.Contains(answer, want) {
		n.t.Errorf("GET %s: status %d, %.200q, want %d, %.200q", path, got, answer, status, want)
	}
}

const greet = "application/vnd.example/GreetRequest"

// The lines of the playground's README (COMPAT 79, 80).
func TestReadme(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.get("/greetings", 204, "")
	n.put("/example/person/Bob", greet, `{"name": "Bob"}`, 200)
	n.put("/example/person/Bob", greet, `{"name": "Bobby"}`, 200)
	n.put("/example/person/Joe%2FSmith", greet, `{"name": "Joe"}`, 200)
	n.get("/greetings", 200, "Bob Bob 1")
	n.get("/greetings", 200, "Bob Bobby 2")
	n.get("/greetings", 200, "Joe/Smith Joe 1")
	n.get("/greetings", 204, "")
	n.get("/nowhere", 404, "no topic")
	n.get("/", 404, "no topic")
}

func TestIngressRefuses(t *testing.T) {
	t.Parallel()
	n := start(t, func(_ *actors.Options, o *Options) { o.MaxBodyBytes = 100 })
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		want                            string
	}{
		{"PUT", "/example/person/x", "", "{}", 415, "no Content-Type"},
		{"PUT", "/example/person/x", "application/vnd.nonsense", "{}", 415, "<namespace>/<name>"},
		{"PUT", "/example/person/x", "application/vnd.io.statefun/x", "{}", 415, "the runtime's own"},
		{"PUT", "/example/person/x?call", greet, "{}", 400, "--http"},
		{"PUT", "/example/person", greet, "{}", 400, "expected /<namespace>/<function>/<id>"},
		{"PUT", "/example/person/", greet, "{}", 400, "expected /<namespace>/<function>/<id>"},
		{"PUT", "/example/person/x/y", greet, "{}", 400, "expected /<namespace>/<function>/<id>"},
		{"PUT", "/example/a%2Fb/x", greet, "{}", 400, "expected /<namespace>/<function>/<id>"},
		{"PUT", "/example/person/%FF", greet, "{}", 400, "UTF-8"},
		{"PUT", "/example/nobody/x", greet, "{}", 404, "FunctionType(example, nobody)"},
		{"PUT", "/example/person/x", greet, strings.Repeat("x", 101), 413, "more than 100 bytes"},
		{"OPTIONS", "/example/person/x", greet, "", 405, "not allowed"},
		{"GET", "/example/person/x", "", "", 415, "no Content-Type"},
	} {
		var headers []string
		if c.contentType != "" {
			headers = []string{"Content-Type", c.contentType}
		}
		status, answer := n.do(c.method, n.in.URL()+c.path, c.body, headers...)
		if status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s %s: %d %s, want %d, %q", c.method, c.path, status, answer, c.status, c.want)
		}
	}
	n.get("/greetings", 204, "")
}

// Another Content-Type makes the body a string's bytes, as it is (COMPAT 79).
func TestOtherContentType(t *testing.T) {
	t.Parallel()
	got := make(chan functions.Message, 1)
	n := start(t, func(o *actors.Options, _ *Options) {
		o.Functions = append(o.Functions, &functions.Function{Type: "example/text", Handlers: []functions.Handler{
			functions.OnAny(func(_ functions.Context, m functions.Message) error {
				got <- m
				return nil
			}),
		}})
	})
	for _, method := range []string{"PUT", "POST", "PATCH", "DELETE", "GET"} {
		if status, answer := n.do(method, n.in.URL()+"/example/text/x", "hello", "Content-Type", "text/plain"); status != 200 {
			t.Fatalf("%s: %d %s", method, status, answer)
		}
		if m := <-got; m.Type != "io.statefun.types/string" || string(m.Value) != "hello" {
			t.Errorf("%s: got %s %q", method, m.Type, m.Value)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	n := start(t)
	for range 3 {
		n.put("/example/person/Bob", greet, `{"name": "Bob"}`, 200, "Idempotency-Key", "1")
	}
	n.put("/example/person/Bob", greet, `{"name": "Eve"}`, 422, "Idempotency-Key", "1")
	n.get("/greetings", 200, "Bob Bob 1")
	n.get("/greetings", 204, "")
}

// A wrong record is set aside; those after it go on.
func TestRejected(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.emit(recordOf("nowhere", "lost"))
	n.emit(others.Of([]byte("x")))
	n.emit(records.Of([]byte("{")))
	n.emit(records.Of([]byte(`{"topic": "greetings"}`)))
	n.emit(recordOf("b/ä", "good"))
	n.get("/b/%C3%A4", 200, "good")
	if got := n.out.Rejected(); got != 4 {
		t.Errorf("%d rejected, want 4", got)
	}
	for _, want := range []string{
		`topic "nowhere" is not one of the egress's`, "expected a record of type io.statefun.playground/EgressRecord, found example/Other",
		`expected {"topic": "…", "payload": "…"}: unexpected end`, "found topic: true, payload: false",
	} {
		status, answer := n.do("GET", n.out.URL()+RejectedPath, "")
		var r Rejected
		if err := json.Unmarshal([]byte(answer), &r); err != nil || status != 200 || !strings.Contains(r.Reason, want) || r.Key != "r" || len(r.Value) == 0 {
			t.Errorf("%d %s, want %q", status, answer, want)
		}
	}
	n.get(RejectedPath, 204, "")
}

// Records that nobody asked for are there after a restart, in order, and what was
// taken does not come again. A topic that nobody polls is in nobody's way.
func TestRestart(t *testing.T) {
	t.Parallel()
	n := start(t)
	for i := range 5 {
		n.emit(recordOf("idle", fmt.Sprint("idle ", i)))
		n.emit(recordOf("greetings", fmt.Sprint("hello ", i)))
	}
	n.get("/greetings", 200, "hello 0")
	n.get("/greetings", 200, "hello 1")
	n.close()
	n.open()
	for i := 2; i < 5; i++ {
		n.get("/greetings", 200, fmt.Sprint("hello ", i))
	}
	n.get("/greetings", 204, "")
	n.close()
	n.open()
	n.get("/greetings", 204, "")
	for i := range 5 {
		n.get("/idle", 200, fmt.Sprint("idle ", i))
	}
}

func TestOnlyGetTakes(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.emit(recordOf("greetings", "hello"))
	for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
		if status, answer := n.do(method, n.out.URL()+"/greetings", ""); status != 405 {
			t.Errorf("%s: %d %s", method, status, answer)
		}
	}
	if status, answer := n.do("GET", n.out.URL()+"/greetings", "", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("another site's page: %d %s", status, answer)
	}
	if status, answer := n.do("GET", n.out.URL()+"/greetings", "", "Host", "example.com"); status != 421 {
		t.Errorf("another host: %d %s", status, answer)
	}
	n.get("/greetings?x=1", 400, "expected none")
	n.get("/greetings", 200, "hello")
}

// A client that goes away before it has its answer leaves the record to the next.
func TestClientGone(t *testing.T) {
	t.Parallel()
	n := start(t)
	payload := strings.Repeat("x", 32<<20) // over what the connection's buffers hold
	n.emit(recordOf("greetings", payload))
	c, err := net.Dial("tcp", n.out.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET /greetings HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if status, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(status, "200") {
		t.Fatal(status, err)
	}
	c.Close()
	n.get("/greetings", 200, payload)
	n.get("/greetings", 204, "")
}

// A client that goes away while it waits for its turn takes nothing.
func TestClientGoneInLine(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.emit(recordOf("greetings", "hello"))
	q := n.out.topics["greetings"]
	if err := q.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	closed, stop := context.WithCancel(t.Context())
	stop()
	waiting := make(chan int)
	go func() {
		r, err := n.client.Get(n.out.URL() + "/greetings")
		if err != nil {
			waiting <- 0
			return
		}
		r.Body.Close()
		waiting <- r.StatusCode
	}()
	_ = n.out.Close(closed) // gives up on who waits, or was not let in any more
	if status := <-waiting; status != 503 && status != 0 {
		t.Errorf("status %d", status)
	}
	q.leave()
	n.close()
	n.open()
	n.get("/greetings", 200, "hello")
}

func TestListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	env := environment.Memory()
	for host, want := range map[string]string{"0.0.0.0": "not a loopback address", "": ""} {
		in := NewIngress(&module.PlaygroundIngress{}, Options{Environment: env, Host: host})
		err := in.Start(t.Context(), nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", host, err)
		}
		if err := in.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if _, err := NewEgress(&module.PlaygroundEgress{Topics: []string{strings.Repeat("x", MaxTopicBytes+1)}}, Options{}); err == nil {
		t.Error("a long topic is accepted")
	}
}
