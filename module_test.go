package statefun_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/connectors/playground/playgroundtest"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/remote"
)

const (
	ingressText = "kind: io.statefun.playground.v1/ingress\nspec: {port: 0}\n"
	egressText  = "kind: io.statefun.playground.v1/egress\nspec: {port: 0, topics: [out]}\n"
)

func endpointText(functions, url string) string {
	return "kind: io.statefun.endpoints.v2/http\nspec:\n  functions: " + functions + "\n  urlPathTemplate: " + url + "/{function.name}\n"
}

func modules(parts ...string) string { return strings.Join(parts, "---\n") }

// serveRemote serves functions under the protocol of remote functions.
func serveRemote(t *testing.T, fs ...functions.Function) string {
	t.Helper()
	h, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, fs...)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

var egressRecords = functions.JSON[map[string]string]("io.statefun.playground/EgressRecord")

// counter counts what it gets and says so in a topic.
func counter(typ functions.TypeName) functions.Function {
	seen := functions.Value("seen", functions.Int64)
	return functions.Function{
		Type: typ, States: []functions.State{seen},
		Handlers: []functions.Handler{functions.On(functions.String, func(ctx functions.Context, s string) error {
			n := seen.Update(ctx, func(n int64) int64 { return n + 1 })
			ctx.Send(module.PlaygroundEgressID, egressRecords.Of(map[string]string{"topic": "out", "payload": s + strings.Repeat("!", int(n))}))
			return nil
		})},
	}
}

// place is where the playground's ingress or egress of a node listens.
func place(t *testing.T, n *statefun.Node, role string) string {
	t.Helper()
	for _, b := range n.Bound() {
		if b.Role == role && strings.HasPrefix(b.Name, "io.statefun.playground/") {
			url, _, _ := strings.Cut(b.At, "/<")
			return url
		}
	}
	t.Fatalf("no %s in %v", role, n.Bound())
	return ""
}

// stringType is the Content-Type of a string.
const stringType = "application/vnd.io.statefun.types/string"

func stringValue(s string) string { return string(functions.String.Of(s).Value) }

// running is an application of module files, over restarts that change them.
type running struct {
	t    *testing.T
	dir  string
	node *statefun.Node
}

func (r *running) start(text string) {
	r.t.Helper()
	n, err := statefun.New(statefun.Config{
		DataDir: r.dir, HTTP: "off", Modules: []string{write(r.t, text)}, Logger: slog.New(slog.DiscardHandler),
	}).Start(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.node = n
}

func (r *running) stop() {
	r.t.Helper()
	if err := r.node.Stop(context.WithoutCancel(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
}

// A module file that is edited between runs drops ingress, egress and functions, and
// brings them back: state, messages and records wait for that. COMPAT 92.
func TestModulesChangeBetweenRuns(t *testing.T) {
	t.Parallel()
	url := serveRemote(t, counter("example/a"), counter("kept/b"))
	r := &running{t: t, dir: t.TempDir()}
	all := modules(endpointText("example/*", url), endpointText("kept/*", url), ingressText, egressText)
	r.start(all)
	in := place(t, r.node, statefun.RoleIngress)
	for range 2 {
		playgroundtest.Put(t, in+"/example/a/x", stringType, stringValue("a"))
	}
	if err := r.node.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.stop()

	// Without the egress and the function: a message to it is refused, nothing is lost.
	r.start(endpointText("kept/*", url))
	if err := r.node.Send(t.Context(), functions.TypeName("example/a").At("x"), functions.String.Of("a")); err == nil {
		t.Error("a message to a function that is gone was accepted")
	}
	if s, err := r.node.Engine().State(functions.TypeName("example/a").At("x")); err != nil || len(s) != 1 {
		t.Errorf("state %v, %v", s, err)
	}
	r.stop()

	r.start(all)
	playgroundtest.Put(t, place(t, r.node, statefun.RoleIngress)+"/example/a/x", stringType, stringValue("a"))
	if err := r.node.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := place(t, r.node, statefun.RoleEgress)
	for _, want := range []string{"a!", "a!!", "a!!!"} {
		if got := playgroundtest.Take(t, out+"/out"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r.stop()
}

// Messages that wait for a function whose endpoint is no longer there are set aside
// at the next start, and handled by a retry when it is back. COMPAT 92.
func TestMessagesOfADroppedFunctionWait(t *testing.T) {
	t.Parallel()
	r := &running{t: t, dir: t.TempDir()}
	to := functions.TypeName("example/a").At("x")
	r.start(modules(endpointText("example/*", "http://127.0.0.1:1"), egressText))
	if err := r.node.Send(t.Context(), to, functions.String.Of("a")); err != nil {
		t.Fatal(err)
	}
	r.stop()

	r.start(modules(endpointText("kept/*", "http://127.0.0.1:1"), egressText))
	var sequence uint64
	for sequence == 0 { // until it is set aside
		if err := r.node.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		sequence = quarantinedAt(t, r.node, to)
	}
	r.stop()

	url := serveRemote(t, counter("example/a"))
	r.start(modules(endpointText("example/*", url), egressText))
	if err := r.node.Engine().Retry(t.Context(), to, sequence); err != nil {
		t.Fatal(err)
	}
	if err := r.node.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := playgroundtest.Take(t, place(t, r.node, statefun.RoleEgress)+"/out"); got != "a!" {
		t.Errorf("got %q", got)
	}
	r.stop()
}

// Several files and directories make one application. COMPAT 58.
func TestSeveralModuleFiles(t *testing.T) {
	t.Parallel()
	url := serveRemote(t, counter("one/a"), counter("two/b"))
	dir := t.TempDir()
	for name, text := range map[string]string{"one": endpointText("one/*", url), "two": modules(endpointText("two/b", url), egressText)} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "module.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := statefun.New(statefun.Config{Modules: []string{"file://" + dir, write(t, ingressText)}})
	h := statefun.NewHarness(t, app)
	h.Send(functions.TypeName("one/a").At("x"), functions.String.Of("one"))
	h.Idle()
	h.Send(functions.TypeName("two/b").At("x"), functions.String.Of("two"))
	h.Idle()
	out := place(t, h.Node(), statefun.RoleEgress)
	for _, want := range []string{"one!", "two!"} {
		if got := playgroundtest.Take(t, out+"/out"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if in := place(t, h.Node(), statefun.RoleIngress); in == "" {
		t.Error("no ingress")
	}
}

// The harness runs an application of a module file, beside functions in Go and
// egresses that a test looks into. COMPAT 103.
func TestHarnessWithAModuleFile(t *testing.T) {
	t.Parallel()
	const seen = functions.Egress("test/seen")
	url := serveRemote(t, functions.Function{Type: "far/away", Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, s string) error {
			ctx.Send(functions.TypeName("here/too").At(ctx.Self().ID), functions.String.Of(s+" from afar"))
			return nil
		}),
	}})
	app := statefun.New(statefun.Config{Modules: []string{write(t, endpointText("far/*", url))}})
	app.Register(functions.Function{Type: "here/too", Handlers: []functions.Handler{
		functions.On(functions.String, func(ctx functions.Context, s string) error {
			ctx.Send(seen, functions.String.Of(s))
			return nil
		}),
	}})
	h := statefun.NewHarness(t, app, seen)
	h.Send(functions.TypeName("far/away").At("x"), functions.String.Of("hello"))
	h.Idle()
	h.Restart()
	h.Idle()
	if r := h.Records(seen); len(r) != 1 || string(r[0].Value) != stringValue("hello from afar") {
		t.Errorf("got %+v", r)
	}
}

// Two playgrounds have the same ids, and a port is one's only: both are clear errors.
func TestTwoPlaygrounds(t *testing.T) {
	t.Parallel()
	load := func(text string) *module.Module {
		m, _, err := module.Load([]string{write(t, text)}, module.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	config := statefun.Config{DataDir: t.TempDir(), HTTP: "off", Logger: slog.New(slog.DiscardHandler)}
	one, two := load(modules(ingressText, egressText)), load(modules(ingressText, egressText))
	_, err := statefun.New(config).Bind(one).Bind(two).Start(t.Context())
	for _, want := range []string{
		two.Files[0] + ":1:1: expected one ingress io.statefun.playground/ingress in all modules of the application, found another; first at " + one.Files[0] + ":1:1",
		two.Files[0] + ":4:1: expected one egress io.statefun.playground/egress",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	// The same egress from Go.
	config.Modules = []string{write(t, egressText)}
	_, err = statefun.New(config).EgressFunc(module.PlaygroundEgressID, nil).Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "egress io.statefun.playground/egress has a sink and is pulled") {
		t.Errorf("got %v", err)
	}
}

// What is bound is shown without what is secret.
func TestBoundIsShownWithoutSecrets(t *testing.T) {
	t.Setenv("TEST_PATH_SECRET", "sesame")
	config := statefun.Config{DataDir: t.TempDir(), HTTP: "off", Logger: slog.New(slog.DiscardHandler), Modules: []string{
		write(t, endpointText("example/*", "http://user:sesame@127.0.0.1:1/${TEST_PATH_SECRET}")),
	}}
	n, err := statefun.New(config).Register(counter("a/b")).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []statefun.Bound{
		{Role: statefun.RoleFunctions, Name: "a/b", At: statefun.InProgram},
		{Role: statefun.RoleFunctions, Name: "example/*", At: "http://…@127.0.0.1:1/${TEST_PATH_SECRET}/{function.name}"},
	}
	if got := n.Bound(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

func quarantinedAt(t *testing.T, n *statefun.Node, a functions.Address) (sequence uint64) {
	t.Helper()
	err := n.Engine().Quarantine(func(q actors.Quarantined) bool {
		if q.Address == a {
			sequence = q.Sequence
		}
		return sequence == 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return sequence
}
