//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
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

// patience is how long a process may take for one thing. Machines that test are
// busy.
const patience = 30 * time.Second

// process is a running command.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of standard output
	notes lockedBuffer
}

func launch(t *testing.T, application string, args ...string) *process {
	t.Helper()
	p := &process{t: t, lines: make(chan string, 100)}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), processEnv+"="+application)
	p.cmd.Stderr = &p.notes
	out, w := io.Pipe()
	p.cmd.Stdout = w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// see waits for a line that begins with prefix and returns the rest of it.
func (p *process) see(prefix string) string {
	p.t.Helper()
	for late := time.After(patience); ; {
		select {
		case line := <-p.lines:
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest)
			}
		case <-late:
			p.t.Fatalf("no line %q; standard error:\n%s", prefix, p.notes.String())
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the process and checks its exit code.
func (p *process) ends(want exit.Code) {
	p.t.Helper()
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	select {
	case err := <-done:
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
			p.t.Fatal(err)
		}
		if got := exit.Code(p.cmd.ProcessState.ExitCode()); got != want {
			p.t.Errorf("exit code %d, want %d; standard error:\n%s", got, want, p.notes.String())
		}
	case <-time.After(patience):
		p.t.Fatalf("it does not end; standard error:\n%s", p.notes.String())
	}
}

// run runs a command to its end.
func run(t *testing.T, want exit.Code, args ...string) (out, notes string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
		if got := p.see("data "); got != data+" "+before {
			t.Errorf("data: %s", got)
		}
		url := p.see("listening ")
		if out, _ := run(t, exit.OK, "status", "--data", data); !strings.Contains(out, url) {
			t.Errorf("the status does not know %s:\n%s", url, out)
		}
		p.see("running")
		if i == 1 { // the lock does not outlive the process, node.json does
			p.signal(syscall.SIGKILL)
			p.ends(-1)
			_, notes := run(t, exit.Failed, "status", "--data", data)
			if !strings.Contains(notes, "if its node was killed") {
				t.Errorf("got %s", notes)
			}
			continue
		}
		p.signal([]os.Signal{syscall.SIGINT, nil, syscall.SIGTERM}[i])
		p.see("draining")
		p.see("stopped")
		p.ends(exit.OK)
		run(t, exit.Failed, "status", "--data", data)
	}
}

func TestTwiceStopsAtOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := launch(t, "test", "run", "--data", data, "--http", "127.0.0.1:0", "--drain-for", "1h", "--deadline", "1h")
	p.see("running")
	run(t, exit.OK, "send", "test/sleeper/a", "--type", "long", "--value", "1", "--data", data)
	p.signal(syscall.SIGINT)
	p.see("draining")
	p.signal(syscall.SIGINT)
	p.ends(exit.Interrupted)
	if !strings.Contains(p.notes.String(), "stopped at once") {
		t.Errorf("got %s", p.notes.String())
	}
}

func TestRunIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), nowhere(t)
	p := launch(t, "statefun", "run", "-f", file, "--data", data, "--http", "127.0.0.1:0", "--name", "app")
	url := p.see("listening ")
	p.see("running")
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
	p.signal(syscall.SIGTERM)
	p.ends(exit.OK)
	if _, notes := run(t, exit.Failed, "run", "-f", file, "--data", data, "--http", "off", "--name", "else"); !strings.Contains(notes, `belongs to the application "app", not to "else"`) {
		t.Errorf("got %s", notes)
	}
}

func TestInterruptedBenchCleansUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := launch(t, "statefun", "bench", "latency", "--data", dir, "--duration", "10m", "--warmup", "1ms")
	for deadline := time.Now().Add(patience); ; {
		if left, err := os.ReadDir(dir); err == nil && len(left) > 0 && left[0].IsDir() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not begin")
		}
		<-time.After(10 * time.Millisecond)
	}
	p.signal(syscall.SIGINT)
	p.ends(exit.Interrupted)
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
		p.see("starting")
		output = min(output, time.Since(begun))
		post(t, p.see("listening ")+"/test/echo/a?call")
		call = min(call, time.Since(begun))
		p.signal(syscall.SIGTERM)
		p.ends(exit.OK)
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

// lockedBuffer is written to by a process and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
