package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/statefun-go/statefun/cmd/statefun/commands"
	"github.com/statefun-go/statefun/cmd/statefun/commands/exit"
	door "github.com/statefun-go/statefun/connectors/http"
)

// fakeNode does as it is told.
type fakeNode struct {
	created         bool
	url             string
	failed          chan error
	drained, closed bool
	drain           error
	bound           []door.Bound
}

func (*fakeNode) Name() string { return "fake\n" }

func (*fakeNode) DataDir() string { return "/data" }

func (n *fakeNode) Created() bool { return n.created }

func (n *fakeNode) URL() string { return n.url }

func (n *fakeNode) Bound() []door.Bound { return n.bound }

func (n *fakeNode) Failed() <-chan error { return n.failed }

func (n *fakeNode) Drain(ctx context.Context) error {
	n.drained = ctx.Err() == nil
	return n.drain
}

func (n *fakeNode) Close() error {
	n.closed = true
	return nil
}

// program runs a node, and ends ctx once it has started.
func program(n *fakeNode) (*shell, context.Context, *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &slog.Logger{}
	return &shell{program: commands.Program{
		Functions: []string{"a/b", "a/c"},
		Check:     func() error { return nil },
		Start: func(_ context.Context, logger *slog.Logger) (commands.Node, error) {
			if logger != nil {
				*l = *logger
			}
			if n.failed == nil {
				cancel()
			}
			return n, nil
		},
	}}, ctx, l
}

func TestRunUntilInterrupted(t *testing.T) {
	t.Parallel()
	n := &fakeNode{created: true, url: "http://127.0.0.1:8080", bound: []door.Bound{
		{Role: door.RoleFunctions, Name: "a/b", At: door.InProgram}, {Role: door.RoleFunctions, Name: "a/c", At: door.InProgram},
		{Role: door.RoleFunctions, Name: "d/*", At: "http://fns/{function.name}"},
		{Role: door.RoleIngress, Name: "x/in", At: "http://127.0.0.1:8090"}, {Role: door.RoleEgress, Name: "x/out", At: "\x1b[31m"},
	}}
	s, ctx, _ := program(n)
	r := s.run(ctx, "run")
	want := `starting
application  fake\n
data         /data (new)
listening    http://127.0.0.1:8080
functions    a/b, a/c
functions    d/* at http://fns/{function.name}
ingress      x/in at http://127.0.0.1:8090
egress       x/out at \x1b[31m
running, Ctrl-C drains and stops
draining: nothing more comes in, what is under way ends (Ctrl-C again stops at once)
stopped
`
	if r.code != exit.OK || r.out != want || !n.drained {
		t.Errorf("got %+v, drained: %t", r, n.drained)
	}
}

func TestRunGoesOn(t *testing.T) {
	t.Parallel()
	s, ctx, _ := program(&fakeNode{})
	r := s.run(ctx, "run")
	for _, want := range []string{"(with what was there before)", "listening    nowhere"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
}

// Of many endpoints the first are shown.
func TestRunShowsSomeOfMuch(t *testing.T) {
	t.Parallel()
	n := &fakeNode{}
	for i := range 23 {
		n.bound = append(n.bound, door.Bound{Role: door.RoleFunctions, Name: fmt.Sprintf("f%d/*", i), At: "http://fns"})
	}
	s, ctx, _ := program(n)
	r := s.run(ctx, "run")
	if strings.Count(r.out, "functions ") != 21 || !strings.Contains(r.out, "functions    f19/* at http://fns\nfunctions    and 3 more\n") {
		t.Errorf("got\n%s", r.out)
	}
}

func TestRunThatFails(t *testing.T) {
	t.Parallel()
	n := &fakeNode{failed: make(chan error, 1)}
	n.failed <- errors.New("the disk is gone")
	s, ctx, _ := program(n)
	if r := s.run(ctx, "run"); r.code != exit.Failed || !strings.HasSuffix(r.notes, "prog: the disk is gone\n") || !n.closed || n.drained {
		t.Errorf("got %+v, closed: %t", r, n.closed)
	}

	s, ctx, _ = program(&fakeNode{drain: errors.New("not drained")})
	if r := s.run(ctx, "run"); r.code != exit.Failed || !strings.Contains(r.notes, "not drained") || strings.Contains(r.out, "stopped") {
		t.Errorf("got %+v", r)
	}

	s, ctx, _ = program(&fakeNode{})
	s.program.Start = func(context.Context, *slog.Logger) (commands.Node, error) { return nil, errors.New("port taken") }
	if r := s.run(ctx, "run"); r.code != exit.Failed || r.out != "starting\n" || !strings.Contains(r.notes, "prog: port taken") {
		t.Errorf("got %+v", r)
	}

	s.program.Check = func() error { return errors.New("HTTP: expected HOST:PORT") }
	if r := s.run(ctx, "run"); r.code != exit.Usage || r.out != "" || !strings.Contains(r.notes, "HTTP: expected HOST:PORT") {
		t.Errorf("got %+v", r)
	}
}

func TestRunConfigures(t *testing.T) {
	t.Parallel()
	s, ctx, _ := program(&fakeNode{})
	value := "before"
	s.program.Configure = func(run *cobra.Command) { run.Flags().StringVar(&value, "own", value, "") }
	s.program.Check = func() error { return errors.New("own is " + value) }
	if r := s.run(ctx, "run", "--own", "after"); !strings.Contains(r.notes, "own is after") {
		t.Errorf("got %+v", r)
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	log := func(own bool, args ...string) (string, bool) {
		s, ctx, logger := program(&fakeNode{})
		s.program.OwnLogger = own
		start := s.program.Start
		s.program.Start = func(ctx context.Context, l *slog.Logger) (commands.Node, error) {
			n, err := start(ctx, l)
			if l != nil {
				l.Debug("low", "a", 1)
				l.Warn("high", "a", 1)
			}
			return n, err
		}
		r := s.run(ctx, append([]string{"run"}, args...)...)
		return r.notes, logger.Handler() != nil
	}
	if notes, _ := log(false); strings.Contains(notes, "low") || !strings.Contains(notes, "level=WARN msg=high a=1") {
		t.Errorf("got %s", notes)
	}
	if notes, _ := log(false, "--log-level", "debug"); !strings.Contains(notes, "msg=low") {
		t.Errorf("got %s", notes)
	}
	notes, _ := log(false, "--log-format", "json", "--log-level", "ERROR")
	if notes != "" {
		t.Errorf("got %s", notes)
	}
	notes, _ = log(false, "--log-format", "json")
	var line map[string]any
	if err := json.Unmarshal([]byte(notes), &line); err != nil || line["msg"] != "high" {
		t.Errorf("got %s, %v", notes, err)
	}
	if notes, given := log(true); notes != "" || given {
		t.Errorf("the application's own logger was replaced: %s", notes)
	}
	if notes, given := log(true, "--log-level", "warn"); !strings.Contains(notes, "msg=high") || !given {
		t.Errorf("flags count more than the application's own logger: %s", notes)
	}
}
