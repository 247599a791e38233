package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
)

// Many addresses of a function that nobody knows yet: one asks first, and all others
// have the states with their first request. Another function does not wait, and after a
// restart nobody does. COMPAT 106.
func TestRemoteFirstRequestOfAFunctionGoesAlone(t *testing.T) {
	incomplete := map[functions.TypeName]int{}
	var s *script
	s = serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		if r.Target.Type == "test/slow" {
			time.Sleep(10 * time.Minute) //nolint:forbidigo // fake time
		}
		if stateOf(r, "a") == "missing" {
			s.note(func() { incomplete[r.Target.Type]++ })
			return missing("a", protocol.ExpirationSpec{})
		}
		return nothing()
	})
	within(t, Options{Remotes: []Remote{{Functions: "test/*", Caller: s}}}, func(n *node) {
		send := func() {
			for i := range 100 {
				for _, f := range []functions.TypeName{"test/slow", "test/f"} {
					if err := n.Send(n.t.Context(), f.At(fmt.Sprint(i)), text("m")); err != nil {
						n.t.Fatal(err)
					}
				}
			}
		}
		send()
		pass(time.Minute)
		if in := n.Metrics().Functions["test/f"].In; in != 100 || incomplete["test/f"] != 1 || s.count() != 102 {
			n.t.Errorf("%d messages handled with %d incomplete contexts in %d requests", in, incomplete["test/f"], s.count())
		}
		pass(30 * time.Minute)
		if in := n.Metrics().Functions["test/slow"].In; in != 100 || incomplete["test/slow"] != 1 {
			n.t.Errorf("%d messages handled with %d incomplete contexts", in, incomplete["test/slow"])
		}
		n.restart()
		send()
		pass(20 * time.Minute)
		if in := n.Metrics().Functions["test/slow"].In; in != 100 || incomplete["test/slow"] != 1 || incomplete["test/f"] != 1 {
			n.t.Errorf("after a restart %d messages handled, incomplete contexts %v", in, incomplete)
		}
	})
}

// A first request that fails makes way for another.
func TestRemoteFirstRequestFails(t *testing.T) {
	s := serve(t, func(r *protocol.InvocationBatchRequest) (protocol.FromFunction, error) {
		time.Sleep(time.Second) //nolint:forbidigo // fake time
		if r.Target.ID == "poison" {
			return protocol.FromFunction{}, errSaysNo
		}
		return nothing()
	})
	within(t, s.remote(Remote{MaxAttempts: 1000}), func(n *node) {
		for _, id := range []string{"poison", "a", "b", "c"} {
			n.send(id, text("m"))
		}
		pass(3500 * time.Millisecond)
		if in := n.Metrics().Functions[testType].In; in != 3 || s.most > 3 {
			n.t.Errorf("%d messages handled, %d requests at a time", in, s.most)
		}
	})
}
