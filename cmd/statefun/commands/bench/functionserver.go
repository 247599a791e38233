package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/statefun-go/statefun/benchmarks"
)

// functionServer is a process that serves functions while a node is measured.
type functionServer struct {
	cmd    *exec.Cmd
	url    string
	stdin  io.Closer // the process ends with it
	stderr *lastText
	ended  chan struct{} // closed when the process has ended with err
	err    error
}

const (
	// serverStart is how long a server may take to say where it listens.
	serverStart = 30 * time.Second
	// serverStop is how long it may take to end once its input has ended.
	serverStop = 10 * time.Second
)

// startFunctionServer starts a command that writes the URL of its functions as the
// first line of its output, and ends when its input does.
func startFunctionServer(ctx context.Context, command []string) (*functionServer, error) {
	s := &functionServer{cmd: exec.Command(command[0], command[1:]...), stderr: &lastText{}, ended: make(chan struct{})} //nolint:gosec,noctx // what the user said; stop ends it
	s.cmd.Stderr = s.stderr
	s.cmd.WaitDelay = time.Second // for children that keep its output open
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	lines := newFirstLine()
	s.cmd.Stdout = lines
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the function server: %w", err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	if s.url, err = s.listening(ctx, lines.line); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// listening waits for the URL.
func (s *functionServer) listening(ctx context.Context, line <-chan string) (string, error) {
	late := time.NewTimer(serverStart)
	defer late.Stop()
	select {
	case text := <-line:
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" || u.Host == "" {
			return "", fmt.Errorf("the function server %s: expected http://HOST:PORT/PATH as its first line, found %q", s.cmd.Path, text)
		}
		return text, nil
	case <-s.ended:
		return "", fmt.Errorf("the function server %s ended before it said where it listens: %w", s.cmd.Path, s.failure())
	case <-late.C:
		return "", fmt.Errorf("the function server %s: no URL on its output after %v", s.cmd.Path, serverStart)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// failure says how the process ended, with the last of what it wrote.
func (s *functionServer) failure() error {
	if text := s.stderr.String(); text != "" {
		return fmt.Errorf("%w: %s", s.exit(), text)
	}
	return s.exit()
}

func (s *functionServer) exit() error {
	if s.err == nil {
		return errors.New("it ended with exit code 0")
	}
	return s.err
}

// stop ends the process. One that has ended before is an error.
func (s *functionServer) stop() error {
	select {
	case <-s.ended:
		return fmt.Errorf("the function server: %w", s.failure())
	default:
	}
	_ = s.stdin.Close() // it has nothing to say
	late := time.NewTimer(serverStop)
	defer late.Stop()
	select {
	case <-s.ended:
	case <-late.C:
		_ = s.cmd.Process.Kill() // or it has ended by itself
		<-s.ended
	}
	return nil
}

// cpu is the time that the cores have spent on the process, 0 if that is not known.
func (s *functionServer) cpu() time.Duration { return benchmarks.ProcessTimeOf(s.cmd.Process.Pid) }

// resident is its memory, 0 if that is not known.
func (s *functionServer) resident() uint64 { return benchmarks.ResidentBytesOf(s.cmd.Process.Pid) }

// firstLine hands on the first line written to it, and drops the rest.
type firstLine struct {
	line chan string
	text []byte
	done bool
}

func newFirstLine() *firstLine { return &firstLine{line: make(chan string, 1)} }

// maxFirstLine bounds what is kept of a line.
const maxFirstLine = 4 << 10

func (f *firstLine) Write(p []byte) (int, error) {
	if f.done {
		return len(p), nil
	}
	f.text = append(f.text, p...)
	line, _, complete := bytes.Cut(f.text, []byte("\n"))
	if complete || len(f.text) > maxFirstLine {
		f.line <- strings.TrimSpace(string(line[:min(len(line), maxFirstLine)]))
		f.text, f.done = nil, true
	}
	return len(p), nil
}

// lastText keeps the end of what is written to it.
type lastText struct {
	mu   sync.Mutex
	text []byte
}

const maxLastText = 2 << 10

func (l *lastText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if n := len(l.text) - maxLastText; n > 0 {
		l.text = append(l.text[:0], l.text[n:]...)
	}
	return len(p), nil
}

func (l *lastText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.text))
}

// serverCommand is a command line of this program that serves functions.
func serverCommand(arguments ...string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("no function server: %w", err)
	}
	return append([]string{self}, arguments...), nil
}
