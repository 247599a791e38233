//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
	"github.com/statefun-go/statefun/functions"
)

// processEnv makes the test binary be the command, with what it says as its
// application.
const processEnv = "STATEFUN_PROCESS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(processEnv) {
	case "statefun":
		main()
	case "test":
		statefun.Main(statefun.New(statefun.Config{}).Register(sleeper, echo))
	}
	os.Exit(m.Run())
}

// sleeper is busy for longer than anybody waits.
var sleeper = functions.Function{Type: "test/sleeper", Blocking: true, Handlers: []functions.Handler{
	functions.On(functions.Int64, func(ctx functions.Context, _ int64) error {
		<-ctx.Done()
		return ctx.Err()
	}),
}}

// echo replies what it gets.
var echo = functions.Function{Type: "test/echo", Handlers: []functions.Handler{
	functions.On(functions.Int64, func(ctx functions.Context, n int64) error {
		ctx.Reply(functions.Int64.Of(n))
		return nil
	}),
}}

// launch starts the command as an application.
func launch(t *testing.T, application string, args ...string) *processtest.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), processEnv+"="+application)
	return processtest.Start(t, cmd)
}

// run runs a command to its end.
func run(t *testing.T, want exit.Code, args ...string) (out, notes string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), processtest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), processEnv+"=statefun")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); exit.Code(cmd.ProcessState.ExitCode()) != want {
		t.Errorf("%v: %v, want exit code %d\n%s%s", args, err, want, &o, &e)
	}
	return o.String(), e.String()
}

func TestRunGoesOnWithWhatWasThere(t *testing.T) {
	t.Parallel()
	data, file := filepath.Join(t.TempDir(), "data"), nowhere(t)
	for i, before := range []string{"(new)", "(with what was there before)", "(with what was there before)"} {
		p := launch(t, "statefun", "run", "-f", file, "--data", data, "--http", "127.0.0.1:0", "--name", "app")
		if got := p.See("data "); got != data+" "+before {
			t.Errorf("data: %s", got)
		}
		url := p.See("listening ")
		if out, _ := run(t, exit.OK, "status", "--data", data); !strings.Contains(out, url) {
			t.Errorf("the status does not know %s:\n%s", url, out)
		}
		p.See("running")
		if i == 1 { // the lock does not outlive the process, node.json does
			p.Signal(syscall.SIGKILL)
			p.Ends(-1)
			_, notes := run(t, exit.Failed, "status", "--data", data)
			if !strings.Contains(notes, "if its node was killed") {
				t.Errorf("got %s", notes)
			}
			continue
		}
		p.Signal([]os.Signal{syscall.SIGINT, nil, syscall.SIGTERM}[i])
		p.See("draining")
		p.See("stopped")
		p.Ends(exit.OK)
		run(t, exit.Failed, "status", "--data", data)
	}
}

func TestTwiceStopsAtOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := launch(t, "test", "run", "--data", data, "--http", "127.0.0.1:0", "--drain-for", "1h", "--deadline", "1h")
	p.See("running")
	run(t, exit.OK, "send", "test/sleeper/a", "--type", "long", "--value", "1", "--data", data)
	p.Signal(syscall.SIGINT)
	p.See("draining")
	p.Signal(syscall.SIGINT)
	p.Ends(exit.Interrupted)
	if !strings.Contains(p.Notes(), "stopped at once") {
		t.Errorf("got %s", p.Notes())
	}
}

func TestRunIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), nowhere(t)
	p := launch(t, "statefun", "run", "-f", file, "--data", data, "--http", "127.0.0.1:0", "--name", "app")
	url := p.See("listening ")
	p.See("running")
	taken := strings.TrimPrefix(url, "http://")
	newer := filepath.Join(dir, "newer")
	if err := os.Mkdir(newer, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(newer, "application.json"), []byte(`{"format":99,"name":"app","key_groups":128}`), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	for _, c := range []struct {
		args string
		code exit.Code
		want string
	}{
		{"--data " + data + " --http 127.0.0.1:0", exit.Failed, "in use by another node"},
		{"--data " + other + " --http " + taken, exit.Failed, "address already in use"},
		{"--data " + newer + " --http off", exit.Failed, "newer version"},
		{"--data /dev/null/data --http off", exit.Failed, "/dev/null/data"},
		{"--data " + other + " --http 0.0.0.0:0", exit.Failed, "--insecure"},
		{"--data " + other + " --http 8080", exit.Usage, "expected HOST:PORT or off"},
		{"--data " + other + " --http off --workers -1", exit.Usage, "Workers: expected 0 or more"},
	} {
		_, notes := run(t, c.code, append([]string{"run", "-f", file}, strings.Fields(c.args)...)...)
		if !strings.Contains(notes, c.want) {
			t.Errorf("%s: no %q in\n%s", c.args, c.want, notes)
		}
	}
	p.Signal(syscall.SIGTERM)
	p.Ends(exit.OK)
	if _, notes := run(t, exit.Failed, "run", "-f", file, "--data", data, "--http", "off", "--name", "else"); !strings.Contains(notes, `belongs to the application "app", not to "else"`) {
		t.Errorf("got %s", notes)
	}
}

func TestInterruptedBenchCleansUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := launch(t, "statefun", "bench", "latency", "--data", dir, "--duration", "10m", "--warmup", "1ms")
	for deadline := time.Now().Add(processtest.Patience); ; {
		if left, err := os.ReadDir(dir); err == nil && len(left) > 0 && left[0].IsDir() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not begin")
		}
		<-time.After(10 * time.Millisecond)
	}
	p.Signal(syscall.SIGINT)
	p.Ends(exit.Interrupted)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// From the start of the process to its first output and its first answered call: at
// its best, since machines that test are busy.
func TestColdStart(t *testing.T) {
	t.Parallel()
	const limit = 150 * time.Millisecond
	output, call := time.Hour, time.Hour
	for i := 0; i < 20 && (i == 0 || call > limit); i++ {
		begun := time.Now()
		p := launch(t, "test", "run", "--data", filepath.Join(t.TempDir(), "data"), "--http", "127.0.0.1:0")
		p.See("starting")
		output = min(output, time.Since(begun))
		post(t, p.See("listening ")+"/test/echo/a?call")
		call = min(call, time.Since(begun))
		p.Signal(syscall.SIGTERM)
		p.Ends(exit.OK)
	}
	t.Logf("first output after %v, first answer after %v", output, call)
	if call > limit {
		t.Errorf("the first call was answered after %v, at most %v are allowed", call, limit)
	}
}

func post(t *testing.T, url string) {
	t.Helper()
	body, err := functions.Int64.Encode(7)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(url, "application/vnd.io.statefun.types/long", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || !bytes.Equal(got, body) {
		t.Fatalf("%s: %q, %v", answer.Status, got, err)
	}
	http.DefaultClient.CloseIdleConnections()
}
