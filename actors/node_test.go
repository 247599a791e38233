package actors

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// node is an engine under synctest: time passes when nothing else happens.
type node struct {
	t   *testing.T
	env *environment.Environment
	o   Options
	*Engine
}

// within runs a test on a node with some functions, in fake time.
func within(t *testing.T, o Options, test func(n *node)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &node{t: t, env: environment.Memory(), o: o}
		n.Engine = open(t, n.env, o)
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(n)
	})
}

func (n *node) restart() {
	n.t.Helper()
	if err := n.Close(); err != nil {
		n.t.Fatal(err)
	}
	n.Engine = open(n.t, n.env, n.o)
}

func (n *node) send(id string, m functions.Message) {
	n.t.Helper()
	if err := n.Send(n.t.Context(), at(id), m); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) call(id string, m functions.Message) Answer {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Hour)
	defer cancel()
	a, err := n.Call(ctx, at(id), m)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

func (n *node) quarantine() []Quarantined {
	n.t.Helper()
	var out []Quarantined
	if err := n.Quarantine(func(q Quarantined) bool { out = append(out, q); return true }); err != nil {
		n.t.Fatal(err)
	}
	return out
}

// passes counts calls of pass: what a test has looked at before one, it has looked at
// before whatever happens after it and reads this. The race detector knows no other
// order between the two.
var passes atomic.Int64

// pass lets d pass and everything that becomes due happen.
func pass(d time.Duration) {
	passes.Add(1)
	time.Sleep(d) //nolint:forbidigo // fake time
	synctest.Wait()
}

const testType functions.TypeName = "test/f"

func at(id string) functions.Address { return testType.At(id) }

// one returns a function that handles strings.
func one(states []functions.State, f func(ctx functions.Context, s string) error) *functions.Function {
	return &functions.Function{Type: testType, States: states, Handlers: []functions.Handler{functions.On(functions.String, f)}}
}

func text(s string) functions.Message { return functions.String.Of(s) }

// replyAll answers with all entries of a list.
func replyAll(ctx functions.Context, list *functions.ListState[string]) {
	var all []string
	for _, v := range list.All(ctx) {
		all = append(all, v)
	}
	ctx.Reply(text(strings.Join(all, ",")))
}

func textOf(t *testing.T, a Answer) string {
	t.Helper()
	if a.Failure != "" {
		t.Fatalf("failed: %s", a.Failure)
	}
	s, err := functions.String.From(a.Message)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rows returns the keys of everything that the journal has of an id.
func (n *node) rows(id string) []string {
	n.t.Helper()
	if err := n.Close(); err != nil {
		n.t.Fatal(err)
	}
	n.Engine = open(n.t, n.env, n.o)
	var out []string
	for _, r := range []persistence.KeyRange{
		persistence.AddressRange(n.journal.Group(id), at(id)),
		persistence.TimerRange(n.journal.Group(id)),
	} {
		if err := n.journal.ScanAll(r, func(row persistence.Row) bool {
			out = append(out, string(row.Key))
			return true
		}); err != nil {
			n.t.Fatal(err)
		}
	}
	return out
}
