// Package processtest runs commands as processes of a test: what they print, how they
// end, and kill -9.
package processtest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
)

// Patience is how long a process may take for one thing. Machines that test are busy.
const Patience = 30 * time.Second

// maxLines is how many lines of standard output wait for See; later ones are dropped.
const maxLines = 1000

// A Process is a running command. It is killed when its test ends. Its methods are for
// one goroutine at a time.
type Process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
	notes notes
	ended chan struct{} // closed after the command was waited for
}

// Start starts the command. Its standard input stays open while the process of the test
// runs, so a command that ends with it outlives no test.
func Start(t *testing.T, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, lines: make(chan string, maxLines), ended: make(chan struct{})}
	cmd.Stderr = &p.notes
	out, err := cmd.StdoutPipe()
	if err == nil {
		p.stdin, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(p.Kill)
	return p
}

// read takes all lines of standard output, and waits for the end.
func (p *Process) read(out io.Reader) {
	defer close(p.ended)
	for s := bufio.NewScanner(out); s.Scan(); {
		select {
		case p.lines <- s.Text():
		default:
		}
	}
	close(p.lines)
	_ = p.cmd.Wait() // ProcessState has it
}

// See waits for a line of standard output that begins with prefix, and returns the rest
// of it. Lines before it are gone then.
func (p *Process) See(prefix string) string {
	p.t.Helper()
	for late := time.After(Patience); ; {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("it ended without a line %q; standard error:\n%s", prefix, p.Notes())
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest)
			}
		case <-late:
			p.t.Fatalf("no line %q; standard error:\n%s", prefix, p.Notes())
		}
	}
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// Ends waits for the end and checks the exit code, which is -1 after a kill.
func (p *Process) Ends(want exit.Code) {
	p.t.Helper()
	select {
	case <-p.ended:
		if got := exit.Code(p.cmd.ProcessState.ExitCode()); got != want {
			p.t.Errorf("exit code %d, want %d; standard error:\n%s", got, want, p.Notes())
		}
	case <-time.After(Patience):
		p.t.Fatalf("it does not end; standard error:\n%s", p.Notes())
	}
}

// Kill kills with -9 and waits until the process is gone. It may be called again.
func (p *Process) Kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	<-p.ended
}

// Alive reports whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Notes is what it has written to standard error so far: the last of it, if it is much.
func (p *Process) Notes() string { return p.notes.String() }

// notes keep the end of what a process writes.
type notes struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const maxNotes = 64 << 10

// Write implements io.Writer.
func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.b.Write(p)
	if over := n.b.Len() - maxNotes; over > maxNotes {
		n.b.Next(over)
	}
	return len(p), nil
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}
