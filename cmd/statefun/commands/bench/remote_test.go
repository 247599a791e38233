package bench

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/cmd/statefun/commands/bench/hop"
	"github.com/statefun-go/statefun/cmd/statefun/commands/console"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/functions/remote"
)

// testServer is a function server that TestMain knows of, for --server.
func testServer(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self + " " + name
}

// execRemote runs bench remote, briefly.
func execRemote(t *testing.T, server string, args ...string) (out, notes string, err error) {
	t.Helper()
	args = append([]string{"remote", "--server", testServer(t, server), "--warmup", "1ms", "--duration", "200ms"}, args...)
	return execute(t, startNode, args...)
}

func TestRemote(t *testing.T) {
	t.Parallel()
	r := measure(t, "remote --addresses 20,30 --in-flight 50 --hops 3 --payload 20 --rate 100 --warmup 1ms --duration 200ms", "--server", testServer(t, "serve-good")).Remote
	if r == nil {
		t.Fatal("nothing was measured")
	}
	if r.Hops != 3 || r.PayloadBytes != 20 || len(r.Runs) != 2 || !strings.HasSuffix(r.Server, "serve-good") {
		t.Fatalf("got %+v", r)
	}
	for i, run := range r.Runs {
		if run.Addresses != []int{20, 30}[i] || run.InFlight != 50 || run.MessagesPerSecond <= 0 || run.LimitPerSecond <= 0 || run.RatioToLimit <= 0 ||
			run.MessagesPerRequest < 1 || run.MessagesPerBatch <= 0 || run.LimitHalves[1] <= 0 {
			t.Errorf("got %+v", run)
		}
	}
	if l := r.Latency; l == nil || l.Rate != 100 || l.Chains != 40 || l.P50 <= 0 || l.P99 < l.P50 || l.Max < l.P99 {
		t.Errorf("got %+v", l)
	}
}

func TestRemotePrints(t *testing.T) {
	t.Parallel()
	out, _, err := execRemote(t, "serve-good", "--addresses", "20,30", "--in-flight", "64", "--hops", "3", "--rate", "100")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"chains of 3", "\naddresses  ", " 20 ", " 30\n", "\nmessages/s ", "\nratio to bare client ", "\nmessages/request ", "\nChains between 1,000 addresses", "p99.9"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// A server that counts a message twice is found out, and so is one that does not serve.
func TestRemoteFailures(t *testing.T) {
	t.Parallel()
	for server, want := range map[string]string{
		"serve-double":   "the functions counted ",
		"serve-nothing":  "exit status 1: this server has a cold",
		"serve-nonsense": `expected http://HOST:PORT/PATH as its first line, found "hello"`,
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			_, _, err := execRemote(t, server, "--addresses", "5", "--rate", "0", "--hops", "1")
			if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Failed {
				t.Errorf("got %v, code %d", err, exit.CodeOf(err))
			}
		})
	}
	_, _, err := execute(t, startNode, "remote", "--server", filepath.Join(t.TempDir(), "none"))
	if err == nil || !strings.Contains(err.Error(), "starting the function server") {
		t.Errorf("got %v", err)
	}
}

func TestRemoteUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"remote --addresses 5,0":   "--addresses: expected 1 to",
		"remote --hops 0":          "--hops: expected 1 to",
		"remote --payload 13":      "--payload: expected 14 to",
		"remote --rate -1":         "--rate: expected 0 to",
		"remote --in-flight -1":    "--in-flight: expected 0 to",
		"remote --live-grains -1":  "--live-grains: expected 0 to",
		"remote --server official": "this program does not have StateFun's SDK",
		"remote --server \u00a0\t": "--server: expected a command",
		"remote bogus":             `unknown command "bogus"`,
		"remote --rate 5000000":    "--rate: expected 0 to",
	} {
		_, _, err := execute(t, nil, strings.FieldsFunc(args, func(r rune) bool { return r == ' ' })...)
		if err == nil || !strings.Contains(err.Error(), want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, code %d", args, err, exit.CodeOf(err))
		}
	}
}

// What the bare client sends is what a node sends, but for ids, numbers and counts.
func TestBareClientSendsWhatANodeSends(t *testing.T) {
	t.Parallel()
	h, err := remote.NewHandler(remote.Options{}, hop.Function())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if text, one := essence(t, body); one {
			mu.Lock()
			seen[text] = true
			mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	}))
	defer web.Close()
	cfg := defaultRemote()
	c := newRemoteChains(&cfg, 10, 1)
	s := &suite{start: startNode, dir: t.TempDir()}
	err = s.withRemoteNode(t.Context(), &cfg, &functionServer{url: web.URL}, c.sink(), func(e *actors.Engine) error {
		if err := c.activate(t.Context(), e); err != nil {
			return err
		}
		clear(seen)
		for i := range 20 {
			if err := e.SendAll(t.Context(), c.batch(int64(i), 1)); err != nil {
				return err
			}
			if err := e.Idle(t.Context()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bare := map[string]bool{}
	for _, b := range c.bodies(maxBodies) {
		text, _ := essence(t, b)
		bare[text] = true
	}
	if len(seen) != cfg.hops || len(bare) != cfg.hops {
		t.Errorf("%d kinds of requests of a node and %d of the bare client, expected one for each hop", len(seen), len(bare))
	}
	for text := range seen {
		if !bare[text] {
			t.Errorf("a node sends %q, the bare client one of %v", text, bare)
		}
	}
}

// essence is a request without what differs from one to the next. one says that it has
// one message.
func essence(t *testing.T, body []byte) (text string, one bool) {
	t.Helper()
	var d protocol.Decoder
	var r protocol.ToFunction
	if err := d.ToFunction(slices.Clone(body), &r); err != nil {
		t.Error(err)
		return "", false
	}
	b := &r.Invocation
	b.Target.ID = "x"
	for i := range b.State {
		b.State[i].StateValue.Value = eightBytes
	}
	for i := range b.Invocations {
		v := &b.Invocations[i]
		if !v.Caller.IsZero() {
			v.Caller.ID = "x"
		}
		chain, err := hop.Read(v.Argument.Value)
		if err != nil {
			t.Error(err)
			return "", false
		}
		chain.Number = 0
		chain.Put(v.Argument.Value)
	}
	return string(r.Append(nil)), len(b.Invocations) == 1
}

func TestRemoteWarnings(t *testing.T) {
	t.Parallel()
	r := RemoteReport{Runs: []RemoteRun{{Addresses: 5, LimitHalves: halves{100, 110}}, {Addresses: 7, LimitHalves: halves{150, 100}}},
		Latency: &RemoteLatency{Rate: 1000, ChainsPerSecond: 900}}
	got := strings.Join(r.warnings(), "\n")
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "7 addresses") || !strings.Contains(got, "by 50 %") || !strings.Contains(got, "only 900 of 1000 chains/s") {
		t.Errorf("got %s", got)
	}
	r.Latency.ChainsPerSecond = 999
	if got := r.warnings(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// The hidden command serves until its input ends.
func TestServeEndsWithItsInput(t *testing.T) {
	t.Parallel()
	in, stop := io.Pipe()
	out, said := io.Pipe()
	cmd := Command(&console.Console{In: in, Out: said, Err: io.Discard}, nil)
	cmd.SetArgs([]string{"remote", serveOwn})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(t.Context()) }()
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), "http://127.0.0.1:") {
		t.Fatalf("got %q, %v", line[:n], err)
	}
	if err := stop.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
