//go:build e2e

package demo

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/internal/processtest"
	"github.com/statefun-go/statefun/examples/fraud/application"
)

// TestKill9 kills the demo, the real process, with -9 at random moments: while it
// starts, recovers, sends again, and works. In the end its audit finds everything
// exact, and so do we.
func TestKill9(t *testing.T) {
	k := &killTest{program: build(t), dir: filepath.Join(t.TempDir(), "data")}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range processtest.Scale(t, 10) {
		k.killed(t, time.Duration(r.IntN(1500))*time.Millisecond)
	}
	last := k.ends(t, "--duration", "1s")
	if !strings.Contains(last.out, "going on with all state") || last.TransactionsAccepted < 100 {
		t.Errorf("got %s", last.out)
	}
	if lines := k.alerts(t); int64(lines) != last.Alerts || lines == 0 {
		t.Errorf("%d alerts in the file, %d in the report", lines, last.Alerts)
	}
	// What ends in order leaves nothing in flight, and nothing is sent again.
	more := k.ends(t, "--duration", "300ms")
	if strings.Contains(more.out, "sent again") || more.TransactionsAccepted <= last.TransactionsAccepted {
		t.Errorf("got %s", more.out)
	}
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "statefun")
	out, err := exec.Command("go", "build", "-o", program, "github.com/statefun-go/statefun/cmd/statefun").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

type killTest struct{ program, dir string }

func (k *killTest) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	args = append([]string{"demo", "--data", k.dir, "--http", "127.0.0.1:0", "--json", "--rate", "800", "--accounts", "20", "--seed", "1"}, args...)
	cmd := exec.Command(k.program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// killed runs the demo for d, and kills it.
func (k *killTest) killed(t *testing.T, d time.Duration) {
	t.Helper()
	cmd, out := k.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-time.After(d)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatalf("it ended by itself: %v\n%s", err, out)
	}
	_ = cmd.Wait() // it was killed
}

// result is a report and all that was printed.
type result struct {
	report
	out string
}

// ends runs the demo to its end, which must be exact.
func (k *killTest) ends(t *testing.T, args ...string) (r result) {
	t.Helper()
	cmd, out := k.command(args...)
	err := cmd.Run()
	r.out = out.String()
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if err == nil {
		err = json.Unmarshal([]byte(lines[len(lines)-1]), &r.report)
	}
	if err != nil || !r.Exact || r.Duplicates != 0 || r.Verdicts != int64(r.TransactionsAccepted) {
		t.Fatalf("%v\n%s", err, r.out)
	}
	return r
}

// alerts counts the lines of the file of alerts. Each must be of a transaction of
// its own.
func (k *killTest) alerts(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(application.AlertsFile(k.dir))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var a alertLine
		if err := json.Unmarshal([]byte(line), &a); err != nil || seen[a.Key] {
			t.Errorf("%v: %s", err, line)
		}
		seen[a.Key] = true
	}
	return len(seen)
}
