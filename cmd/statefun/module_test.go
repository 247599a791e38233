//go:build unix

package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/connectors/playground/playgroundtest"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/remote"
)

// writeModule writes a module file.
func writeModule(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "module.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nowhere is a module file with functions that nobody serves.
func nowhere(t testing.TB) string { return writeModule(t, endpointAt("http://127.0.0.1:1")) }

func endpointAt(url string) string {
	return "kind: io.statefun.endpoints.v2/http\nspec:\n  functions: example/*\n  urlPathTemplate: " + url + "/{function.name}\n"
}

// playgroundText is the playground's part of a module file, on any ports.
const playgroundText = `---
kind: io.statefun.playground.v1/ingress
spec: {port: 0}
---
kind: io.statefun.playground.v1/egress
spec: {port: 0, topics: [greetings]}
`

// greeters serves the functions of the greeter of StateFun's playground.
func greeters(t testing.TB) string {
	t.Helper()
	type request struct {
		Name string `json:"name"`
	}
	requests, records := functions.JSON[request]("example/GreetRequest"), functions.JSON[map[string]string]("io.statefun.playground/EgressRecord")
	visits := functions.Value("visits", functions.Int32)
	h, err := remote.NewHandler(remote.Options{Logger: slog.New(slog.DiscardHandler)}, functions.Function{
		Type: "example/person", States: []functions.State{visits},
		Handlers: []functions.Handler{functions.On(requests, func(ctx functions.Context, r request) error {
			n := visits.Update(ctx, func(n int32) int32 { return n + 1 })
			ctx.Send(functions.TypeName("example/greeter").At(r.Name), functions.Int32.Of(n))
			return nil
		})},
	}, functions.Function{
		Type: "example/greeter",
		Handlers: []functions.Handler{functions.On(functions.Int32, func(ctx functions.Context, n int32) error {
			text := fmt.Sprintf("Hello %s for the %dth time!", ctx.Self().ID, n)
			ctx.Send(module.PlaygroundEgressID, records.Of(map[string]string{"topic": "greetings", "payload": text}))
			return nil
		})},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// The module file of StateFun's playground greeter, and the lines of its README: the
// ingress with any method, the egress by GET. Records wait through kill -9 and a
// restart, and one that was taken does not come again. COMPAT 79, 80, 53.
func TestPlaygroundGreeter(t *testing.T) {
	t.Parallel()
	data, file := filepath.Join(t.TempDir(), "data"), writeModule(t, endpointAt(greeters(t))+playgroundText)
	var p *processtest.Process
	var in, out string
	start := func() {
		p = launch(t, "statefun", "run", "-f", file, "--data", data, "--http", "127.0.0.1:0")
		in, _ = strings.CutSuffix(p.See("ingress      io.statefun.playground/ingress at "), "/<namespace>/<function>/<id>")
		out, _ = strings.CutSuffix(p.See("egress       io.statefun.playground/egress at "), "/<topic>, topics greetings")
		p.See("running")
	}
	greet := func(method, name string) {
		t.Helper()
		status, body := playgroundtest.Request(t, method, in+"/example/person/"+name, "application/vnd.example/GreetRequest", `{"name": "`+name+`"}`)
		if status != http.StatusOK || body != "" {
			t.Fatalf("%d %s", status, body)
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := playgroundtest.Take(t, out+"/greetings"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	empty := func() { // so what was taken is being removed
		t.Helper()
		playgroundtest.Empty(t, out+"/greetings")
	}
	start()
	empty()
	greet(http.MethodPut, "Bob")
	expect("Hello Bob for the 1th time!")
	greet(http.MethodPost, "Bob")
	expect("Hello Bob for the 2th time!")
	empty()
	greet(http.MethodPut, "Ada") // durable, and so is all that was before
	p.Signal(syscall.SIGKILL)
	p.Ends(-1)
	start()
	expect("Hello Ada for the 1th time!")
	empty()
	greet(http.MethodPatch, "Bob")
	p.Signal(syscall.SIGTERM)
	p.Ends(exit.OK)
	start()
	expect("Hello Bob for the 3th time!")
	empty()
	p.Signal(syscall.SIGTERM)
	p.Ends(exit.OK)
}

// The status says where functions are, and in a sentence why an address waits.
func TestStatusSaysWhyAddressesWait(t *testing.T) {
	t.Parallel()
	data, file := filepath.Join(t.TempDir(), "data"), writeModule(t, endpointAt("http://user:sesame@127.0.0.1:1")+playgroundText)
	p := launch(t, "statefun", "run", "-f", file, "--data", data, "--http", "127.0.0.1:0")
	p.See("running")
	run(t, exit.OK, "send", "example/person/Bob", "--type", "long", "--value", "1", "--data", data)
	var out string
	for late := time.Now().Add(processtest.Patience); ; {
		if out, _ = run(t, exit.OK, "status", "--data", data); strings.Contains(out, "example/person/Bob waits") || time.Now().After(late) {
			break
		}
	}
	for _, want := range []string{
		"\nfunctions    example/* at http://…@127.0.0.1:1/{function.name}\n", "\ningress      io.statefun.playground/ingress at http://127.0.0.1:",
		"example/person: no request to http://…@127.0.0.1:1/{function.name} has succeeded since ",
		"\nexample/person/Bob waits with 1 message: its function server is away: ", "connection refused, next attempt ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "sesame") {
		t.Errorf("there is the password in\n%s", out)
	}
	p.Signal(syscall.SIGTERM)
	p.Ends(exit.OK)
}

// Without -f and without functions there must be a module somewhere; the environment
// names one as statefun.remote.module-name does. COMPAT 59.
func TestModuleLocations(t *testing.T) {
	if _, err := os.Stat(module.DefaultDirectory); err == nil {
		t.Skip("this machine has modules of StateFun")
	}
	t.Setenv(module.LocationVariable, "")
	data := filepath.Join(t.TempDir(), "data")
	_, notes := run(t, exit.Usage, "run", "--data", data, "--http", "off")
	for _, want := range []string{"this program has no functions of its own", "-f", module.LocationVariable, module.DefaultDirectory} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %s", want, notes)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("there is a data directory")
	}
	file := nowhere(t)
	for _, location := range []string{file, "file://" + file, filepath.Dir(file), filepath.Dir(filepath.Dir(file))} {
		t.Setenv(module.LocationVariable, location)
		for _, application := range []string{"statefun", "test"} {
			p := launch(t, application, "run", "--data", filepath.Join(t.TempDir(), "data"), "--http", "off")
			if got := p.See("functions    example/* at "); got != "http://127.0.0.1:1/{function.name}" {
				t.Errorf("%s: %s", location, got)
			}
			p.Signal(syscall.SIGTERM)
			p.Ends(exit.OK)
		}
	}
	t.Setenv(module.LocationVariable, "/no/such/file")
	if _, notes := run(t, exit.Failed, "run", "--data", data, "--http", "off"); !strings.Contains(notes, "/no/such/file: ") {
		t.Errorf("got %s", notes)
	}
}

// Kinds that there is no connector for are read, and refused with their place. COMPAT
// 76, 77.
func TestKindsWithoutConnector(t *testing.T) {
	t.Parallel()
	file := writeModule(t, endpointAt("http://127.0.0.1:1")+`---
kind: io.statefun.kafka.v1/egress
spec: {id: example/out, address: "kafka:9092"}
---
kind: io.statefun.kinesis.v1/egress
spec: {id: example/kinesis}
`)
	out, notes := run(t, exit.OK, "validate", "-f", file)
	for _, line := range []string{":6:1", ":9:1"} {
		if want := file + line + `: kind: warning: this version has no connector for it: "run" refuses the module`; !strings.Contains(notes, want) {
			t.Errorf("no %q in %s", want, notes)
		}
	}
	if !strings.Contains(out, "valid: 3 components in 1 file") {
		t.Errorf("got %s", out)
	}
	_, notes = run(t, exit.Failed, "run", "-f", file, "--data", filepath.Join(t.TempDir(), "data"), "--http", "off")
	for _, want := range []string{file + ":6:1: expected a component of kind ", "found io.statefun.kafka.v1/egress, for which this version has no connector", "found io.statefun.kinesis.v1/egress,"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %s", want, notes)
		}
	}
}

// From the start of the process, in an empty directory with a module file, to the
// first function called over HTTP: at its best, since machines that test are busy.
func TestColdStartOfAModule(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	called := make(chan time.Time, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case called <- time.Now():
		default:
		}
		w.Header().Set("Content-Type", "application/octet-stream")
	}))
	defer server.Close()
	file := writeModule(t, endpointAt(server.URL)+playgroundText)
	best := time.Hour
	for i := 0; i < 10 && (i < 3 || best > limit); i++ {
		begun := time.Now()
		p := launch(t, "statefun", "run", "-f", file, "--data", filepath.Join(t.TempDir(), "data"), "--http", "127.0.0.1:0")
		in, _ := strings.CutSuffix(p.See("ingress      io.statefun.playground/ingress at "), "/<namespace>/<function>/<id>")
		playgroundtest.Put(t, in+"/example/person/Bob", "application/vnd.example/GreetRequest", "{}")
		select {
		case at := <-called:
			best = min(best, at.Sub(begun))
		case <-time.After(processtest.Patience):
			t.Fatal("the function is not called")
		}
		p.Signal(syscall.SIGTERM)
		p.Ends(exit.OK)
	}
	t.Logf("first function called after %v", best)
	if best > limit {
		t.Errorf("the first function was called after %v, at most %v are allowed", best, limit)
	}
}
