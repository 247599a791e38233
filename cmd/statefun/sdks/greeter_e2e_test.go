//go:build e2e

package sdks

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// The greeter of StateFun's playground in each language: state, a second function and
// an egress. The functions do not notice that the runtime is killed in between. COMPAT
// 3, 4, 5, 6, 7, 11, 37.
func TestGreeter(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		n := running(t, s.serving(t).endpoint())
		var want []string
		for i, name := range []string{"Ada", "Grace", "Ada", "Ada", "Grace", "Ada"} {
			value, err := json.Marshal(map[string]string{"name": name})
			if err != nil {
				t.Fatal(err)
			}
			n.send(at(s.function("person"), name), "greeter/visit", fmt.Sprint(i), value)
			want = append(want, []string{
				"Welcome, Ada!", "Welcome, Grace!", "Nice to see you again, Ada!",
				"This is visit 3, Ada!", "Nice to see you again, Grace!", "This is visit 4, Ada!",
			}[i])
			until(t, fmt.Sprintf("%d greetings are there", i+1), func() (bool, any) {
				got := n.greetings()
				return len(got) == i+1, got
			})
			if i == 3 {
				n.process.Kill()
				n.start()
			}
		}
		if got := n.greetings(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		n.becomes(s.function("person"), "Ada", "visits", 4)
		n.becomes(s.function("person"), "Grace", "visits", 2)
		n.clean()
	})
}

// greetings are the payloads at the playground's egress.
func (n *node) greetings() []string {
	n.t.Helper()
	var out []string
	for _, l := range n.lines("greetings.jsonl") {
		var record struct{ Topic, Payload string }
		if err := json.Unmarshal(l.Value, &record); err != nil || record.Topic != "greetings" ||
			l.Type != "io.statefun.playground/EgressRecord" {
			n.t.Fatalf("a record of type %s: %s (%v)", l.Type, l.Value, err)
		}
		out = append(out, record.Payload)
	}
	return out
}
