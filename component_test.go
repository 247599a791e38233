package statefun_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/statefun-go/statefun"
	"github.com/statefun-go/statefun/connectors/module"
	"github.com/statefun-go/statefun/functions"
)

// lines is a component of a kind of the test's own: an ingress from a Go channel.
type lines struct {
	module.Definition
	id, target functions.TypeName
	from       <-chan string
}

func (l *lines) String() string                { return "lines " + string(l.id) }
func (l *lines) IngressID() functions.TypeName { return l.id }

const linesKind functions.TypeName = "test/lines"

var errLines = errors.New("the lines have ended")

// Bind implements statefun.Component.
func (l *lines) Bind(a *statefun.App) error {
	if l.target == "test/refused" {
		return errors.New("expected another target")
	}
	in := a.Ingress(l.id, func(m functions.Message, send func(functions.Address, functions.Message)) error {
		send(l.target.At("x"), m)
		return nil
	})
	a.Background(func(ctx context.Context, _ *statefun.Node) error {
		for {
			select {
			case s, ok := <-l.from:
				if !ok {
					return errLines
				}
				if err := in.Send(ctx, functions.String.Of(s)); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return nil
}

// linesApp is an application with the kind, and a function that passes on what comes.
func linesApp(t *testing.T, from <-chan string, got chan<- string, text string) *statefun.App {
	t.Helper()
	kinds := module.NewRegistry()
	err := kinds.Register(linesKind, func(d module.Definition, spec *module.Object) module.Component {
		id, _ := spec.Need("id", "the id of an ingress").TypeName()
		target, _ := spec.Need("target", "a function type").FunctionType()
		return &lines{d, id, target, from}
	})
	if err != nil {
		t.Fatal(err)
	}
	app := statefun.New(statefun.Config{DataDir: t.TempDir(), HTTP: "off", Kinds: kinds, Modules: []string{write(t, text)}})
	return app.Register(functions.Function{
		Type: "test/f", Handlers: []functions.Handler{functions.On(functions.String, func(_ functions.Context, s string) error {
			got <- s
			return nil
		})},
	})
}

// A component of a program's own kind runs, and stops with the node. COMPAT 78.
func TestComponentOfOwnKind(t *testing.T) {
	t.Parallel()
	from, got := make(chan string), make(chan string)
	app := linesApp(t, from, got, "kind: test/lines\nspec: {id: test/in, target: test/f}\n")
	n, err := app.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"one", "two"} {
		from <- s
		if g := <-got; g != s {
			t.Errorf("got %q", g)
		}
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case from <- "three":
		t.Error("it still reads after the stop")
	default:
	}
}

// An error of what runs beside the node ends it; what a component adds is checked as
// everything else.
func TestComponentsThatFail(t *testing.T) {
	t.Parallel()
	from := make(chan string)
	n, err := linesApp(t, from, nil, "kind: test/lines\nspec: {id: test/in, target: test/f}\n").Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	close(from)
	if err := <-n.Failed(); !errors.Is(err, errLines) {
		t.Errorf("failed with %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"kind: test/lines\nspec: {id: test/in, target: test/refused}\n":                                                       ":1:1: expected another target",
		"kind: test/lines\nspec: {id: test/in, target: test/f}\n---\nkind: test/lines\nspec: {id: test/in, target: test/f}\n": "previously defined",
	} {
		n, err := linesApp(t, from, nil, text).Start(t.Context())
		if err == nil {
			t.Error("no error", n.Close())
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %s", err, want)
		}
	}
}
