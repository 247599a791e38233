//go:build e2e

package limits

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childEnv makes the test binary be the node that is measured, with a task as JSON.
const childEnv = "STATEFUN_LIMITS_TASK"

// task is what a child is to do, in a data directory.
type task struct {
	Role      string
	Dir       string
	Messages  int
	Addresses int
}

// roles by name. A role returns once it is done; the child then ends.
var roles = map[string]func(*child){
	"backlog":       backlogRole,
	"timers":        timersRole,
	"quarantine":    quarantineRole,
	"list":          listRole,
	"addresses":     addressesRole,
	"dead endpoint": deadEndpointRole,
	"slow endpoint": slowEndpointRole,
	"fill":          fillRole,
	"recover":       recoverRole,
	"empty":         recoverRole,
}

func TestMain(m *testing.M) {
	s := os.Getenv(childEnv)
	if s == "" {
		os.Exit(m.Run())
	}
	var t task
	if err := json.Unmarshal([]byte(s), &t); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	c := &child{task: t, began: time.Now()}
	roles[t.Role](c)
	c.say("rss", rss("VmRSS"))
	c.say("peak", rss("VmHWM"))
}

const mib = 1 << 20

// most is what a whole process may take, by its resident set.
const most = 512 * mib

// rss reads a line of /proc/self/status, in bytes.
func rss(name string) float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return float64(n << 10)
		}
	}
	return -1
}

// scaled is the size of a test: size at STATEFUN_E2E_SCALE 1, as in CI, and never
// more than full.
func scaled(t *testing.T, size, full int) int {
	t.Helper()
	scale := 1.0
	if s := os.Getenv("STATEFUN_E2E_SCALE"); s != "" {
		var err error
		if scale, err = strconv.ParseFloat(s, 64); err != nil {
			t.Fatal(err)
		}
	}
	return max(1000, min(full, int(scale*float64(size))))
}

// process is a child that runs.
type process struct {
	*testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	notes strings.Builder
	began time.Time
	said  map[string]float64
}

// launch starts a child.
func launch(t *testing.T, k task) *process {
	t.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{T: t, said: map[string]float64{}}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(b))
	p.cmd.Stderr = &p.notes
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// hears reads what the child says up to a name, and returns when it did.
func (p *process) hears(name string) time.Time {
	p.Helper()
	for p.lines.Scan() {
		key, value, _ := strings.Cut(p.lines.Text(), "=")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.Logf("%s", p.lines.Text())
			continue
		}
		p.said[key] = n
		if n >= 1e6 && (key == "rss" || key == "peak" || strings.Contains(key, "bytes")) {
			p.Logf("%8.2fs %-28s %.0f MiB", time.Since(p.began).Seconds(), key, n/mib)
		} else {
			p.Logf("%8.2fs %-28s %g", time.Since(p.began).Seconds(), key, n)
		}
		if key == name {
			return time.Now()
		}
	}
	p.Fatalf("the node ended before it said %q: %v\n%s", name, p.cmd.Wait(), p.notes.String())
	return time.Time{}
}

// ends waits for the child and checks what it took, if there is a bound.
func (p *process) ends(bound float64) {
	p.Helper()
	p.hears("peak")
	if err := p.cmd.Wait(); err != nil {
		p.Fatalf("%v\n%s", err, p.notes.String())
	}
	if peak := p.said["peak"]; peak <= 0 || bound > 0 && peak >= bound {
		p.Errorf("the resident set was up to %.0f MiB, want less than %d", peak/mib, int64(bound/mib))
	}
}
