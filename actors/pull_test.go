package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// Records of a pulled egress wait in their queues, through a restart, until they
// are taken; a queue that nobody takes from keeps neither Idle nor the others.
func TestPulledRecordsWait(t *testing.T) {
	queueOf := func(m functions.Message) string {
		s, _ := functions.String.From(m)
		return s[:1]
	}
	o := Options{Functions: []*functions.Function{emitter()}, Pulled: map[functions.TypeName]QueueOf{"a/b": queueOf}}
	within(t, o, func(n *node) {
		after := persistence.Sequence(0)
		take := func(queue, want string) {
			t.Helper()
			r, ok, err := n.NextRecord("a/b", queue, after)
			got := ""
			if ok {
				got, err = functions.String.From(functions.Message{Type: r.Type, Value: r.Value})
				after = r.Sequence
			}
			if err != nil || got != want {
				n.t.Fatalf("got %q, %v, want %q", got, err, want)
			}
			if ok {
				if err := n.RecordTaken(r); err != nil {
					n.t.Fatal(err)
				}
			}
		}
		for i := range 3 {
			n.send("x", text(fmt.Sprint("idle ", i)))
			n.send("x", text(fmt.Sprint("own ", i)))
		}
		pass(time.Second)
		if err := n.Idle(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
		take("o", "own 0")
		take("o", "own 1")
		pass(time.Second)
		n.restart()
		after = 0
		take("o", "own 2")
		take("o", "")
		pass(time.Second)
		after = 0
		take("o", "") // the removal is durable by now
		take("i", "idle 0")
		if _, _, err := n.NextRecord("a/c", "o", 0); err == nil {
			n.t.Error("no error for an egress that is not pulled")
		}
	})
}

func TestAnEgressIsEitherPulledOrHasASink(t *testing.T) {
	t.Parallel()
	_, err := Open(Options{
		Egresses: map[functions.TypeName]Sink{"a/b": HandlerSink(nil)},
		Pulled:   map[functions.TypeName]QueueOf{"a/b": func(functions.Message) string { return "" }},
	})
	if err == nil {
		t.Error("no error")
	}
}
