package actors

import (
	"fmt"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// What many grains have taken is given back when they have gone idle, and they
// come back with their state.
func TestIdleGrainsLeaveNothing(t *testing.T) {
	const n = 5 * spareShells
	within(t, Options{Functions: []*functions.Function{counter()}, LiveGrains: 2 * n, Workers: 1}, func(nd *node) {
		touch := func(want int64) {
			for i := range n {
				a, err := nd.Call(nd.t.Context(), functions.TypeName("test/counter").At(fmt.Sprint(i)), functions.Int64.Of(1))
				if err != nil {
					nd.t.Fatal(err)
				}
				if got, _ := functions.Int64.From(a.Message); got != want {
					nd.t.Fatalf("id %d: got %d, want %d", i, got, want)
				}
			}
		}
		d := &nd.workers[0].directory
		for round := range int64(2) {
			touch(round + 1)
			if live := nd.Metrics().LiveGrains; live < n {
				nd.t.Fatalf("%d grains are live, want %d", live, n)
			}
			pass(5*time.Minute + 4*nd.opts.IdleAfter)
			if len(d.all) > 2*spareShells || len(d.free) > spareShells || len(d.grains.slots) > 16*minSlots {
				nd.t.Errorf("round %d: %d shells, %d of them free, and %d slots are left", round, len(d.all), len(d.free), len(d.grains.slots))
			}
			if got := processes(nd); got > 2*spareShells+100 {
				nd.t.Errorf("round %d: %d processes are left", round, got)
			}
		}
	})
}

func processes(n *node) (count int) {
	for i := range n.system.ProcessRegistry.LocalPIDs.LocalPIDs {
		count += n.system.ProcessRegistry.LocalPIDs.LocalPIDs[i].Count()
	}
	return count
}
