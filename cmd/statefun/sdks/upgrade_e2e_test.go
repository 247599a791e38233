//go:build e2e

package sdks

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// counting adds 1 to sum, and to fresh if the server knows that state, to old if not.
func counting() []op {
	return []op{add("sum", 1), {Op: "add", State: "fresh", Else: "old", Value: 1}}
}

// A server is replaced by one with one more state while messages flow, and back: no
// message is lost, the old state is kept, the runtime is not restarted. COMPAT 8, 95.
func TestRedeploy(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		const ids, each = 5, 20
		older := []string{"sum:int", "old:int"}
		newer := append([]string{"fresh:int"}, older...)
		v := s.serving(t, older...)
		n := running(t, v.endpoint())
		total := int64(0)
		flow := func() {
			for range each {
				for id := range ids {
					n.tell(s, fmt.Sprint("id", id), counting()...)
				}
			}
			total += each
		}
		deploy := func(states []string) {
			v.process.Kill()
			v.states = slices.Concat(states, counted)
			v.start()
		}
		flow()
		for _, states := range [][]string{newer, older} {
			var deployment sync.WaitGroup
			deployment.Go(func() { deploy(states) })
			flow()
			deployment.Wait()
		}
		for id := range ids {
			n.becomes(s.function("program"), fmt.Sprint("id", id), "sum", total)
		}
		deploy(newer)
		flow() // all of it is fresh
		for id := range ids {
			id := fmt.Sprint("id", id)
			n.becomes(s.function("program"), id, "sum", total)
			fresh, _ := number(n, s, id, "fresh")
			old, _ := number(n, s, id, "old")
			if fresh+old != total || fresh < each {
				t.Errorf("%s: %d are fresh and %d are old, together %d and at least %d fresh are expected", id, fresh, old, total, each)
			}
		}
		n.clean()
	})
}

// An old and a new version of a function serve the same addresses by turns. COMPAT 9.
func TestSideBySide(t *testing.T) {
	forEach(t, func(t *testing.T, s *sdk) {
		const ids, each = 5, 20
		p := before(t, nil, s.serving(t, "sum:int", "old:int"), s.serving(t, "sum:int", "old:int", "fresh:int"))
		n := running(t, endpointAt(s, p.url))
		for range each {
			for id := range ids {
				n.tell(s, fmt.Sprint("id", id), counting()...)
			}
		}
		var fresh, old int64
		for id := range ids {
			id := fmt.Sprint("id", id)
			n.becomes(s.function("program"), id, "sum", each)
			f, _ := number(n, s, id, "fresh")
			o, _ := number(n, s, id, "old")
			fresh, old = fresh+f, old+o
		}
		if fresh+old != ids*each || fresh == 0 || old == 0 {
			t.Errorf("%d are fresh and %d are old, together %d of both kinds are expected", fresh, old, ids*each)
		}
		n.clean()
	})
}

func number(n *node, s *sdk, id, state string) (int64, bool) {
	n.t.Helper()
	v, present, err := n.state(s.function("program"), id, state)
	if err != nil {
		n.t.Fatal(err)
	}
	return v, present
}
