//go:build e2e

package sdks

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statefun-go/statefun/functions/functionstest/programs"
)

// random runs random programs on a node, beside their model.
type random struct {
	t    *testing.T
	node *node
	sdks []*sdk
	gen  *programs.Generator
	rng  *rand.Rand

	failures int // planned ones so far
	messages int

	mu    sync.Mutex
	model *programs.World
}

var seedFlag = flag.Uint64("seed", 0, "`seed` of random programs; 0: any. What happens to them is random all the same")

// randomStates are those that random programs need.
var randomStates = []string{"sum:int", "works:int", "entries:int"}

func newRandom(t *testing.T, n *node, ids int, sdks ...*sdk) *random {
	t.Helper()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("programs of -seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	return &random{
		t: t, node: n, sdks: sdks, rng: rng, model: programs.NewWorld(),
		gen: &programs.Generator{Rand: rng, IDs: ids},
	}
}

// of is the SDK that an id belongs to.
func (r *random) of(id string) *sdk {
	i, err := strconv.Atoi(strings.TrimPrefix(id, "id"))
	if err != nil {
		r.t.Errorf("id %q: %v", id, err)
	}
	return r.sdks[i%len(r.sdks)]
}

// ops are what a program does, for an interpreter. Asynchronous work, which remote
// functions do not have, is done at once.
func (r *random) ops(p *programs.Program) []op {
	r.messages++
	out := []op{add("sum", p.Add)}
	if p.Append {
		out = append(out, add("entries", 1))
	}
	if p.Async {
		out = append(out, add("works", 1))
	}
	if p.Emit {
		out = append(out, emit(p.ID))
	}
	for _, c := range p.Send {
		out = append(out, send(r.of(c.ID), c.ID, r.ops(c)...))
	}
	for _, c := range p.After {
		out = append(out, after(int64(p.DelayMS), "", r.of(c.ID), c.ID, r.ops(c)...))
	}
	if c := p.Never; c != nil {
		out = append(out, after(0, "never", r.of(c.ID), c.ID, add("sum", c.Add)), cancel("never"))
	}
	if c := p.Cancel; c != nil {
		const long = int64(365 * 24 * time.Hour / time.Millisecond)
		out = append(out, after(long, p.Token, r.of(c.ID), c.ID, add("sum", c.Add)))
	}
	if p.Revoke != "" {
		out = append(out, cancel(p.Revoke))
	}
	if p.Fail > 0 { // when all is done, so that all is undone
		r.failures++
		out = append(out, op{Op: "fail", Key: fmt.Sprint("fail", r.failures), Times: p.Fail})
	}
	return out
}

// lanes is how many messages are on their way into the node at a time.
const lanes = 8

// drive sends new programs, those of one address in order, and returns when all are
// accepted. Meanwhile disturb runs.
func (r *random) drive(roots int, disturb func()) {
	type root struct {
		program *programs.Program
		ops     []op
	}
	var queues [lanes][]root
	for range roots {
		p := r.gen.Program(r.gen.ID(), "", 3)
		h := fnv.New32a()
		h.Write([]byte(p.ID))
		lane := h.Sum32() % lanes
		queues[lane] = append(queues[lane], root{p, r.ops(p)})
	}
	var wg sync.WaitGroup
	for _, queue := range queues {
		wg.Go(func() {
			for _, next := range queue {
				r.mu.Lock()
				r.model.Apply(next.program) // before it can show
				r.mu.Unlock()
				r.node.tell(r.of(next.program.ID), next.program.ID, next.ops...)
			}
		})
	}
	if disturb != nil {
		disturb()
	}
	wg.Wait()
}

// soon waits for a random moment.
func (r *random) soon() { <-time.After(time.Duration(10+r.rng.IntN(200)) * time.Millisecond) }

// observed is what the states of an id are.
func (r *random) observed(id string) (*programs.World, error) {
	w, function := programs.NewWorld(), r.of(id).function("program")
	sum, _, err := r.node.state(function, id, "sum")
	if err != nil {
		return nil, err
	}
	async, _, err := r.node.state(function, id, "works")
	if err != nil {
		return nil, err
	}
	entries, _, err := r.node.state(function, id, "entries")
	w.Sum[id], w.Async[id], w.List[id] = sum, async, int(entries)
	return w, err
}

// expected is what the states of an id are to be in the end.
func (r *random) expected(id string) *programs.World {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := programs.NewWorld()
	w.Copy(r.model, id)
	w.Emitted[id] = 0 // that is in a file
	return w
}

// never checks that nothing is above what it may be, for some ids.
func (r *random) never() {
	r.t.Helper()
	for range 10 {
		id := r.gen.ID()
		got, err := r.observed(id) // before the model: that only grows
		if err != nil {
			r.t.Errorf("%s: %v", id, err)
			return
		}
		if above := r.expected(id).Above(got, id); above != "" {
			r.t.Error(above)
		}
	}
}

// settling is how long a backlog may stand still.
const settling = time.Minute

// settle waits until every state and record is as in the model, and sees that it stays
// so.
func (r *random) settle() {
	r.t.Helper()
	for _, id := range r.gen.All() {
		want := r.expected(id)
		whileItChanges(r.t, settling, id+" is as in the model", func() (bool, any) {
			got, err := r.observed(id)
			if err != nil {
				return false, err
			}
			diff := want.Diff(got)
			return diff == "" || r.t.Failed(), diff
		})
	}
	until(r.t, "all records are out", func() (bool, any) {
		got := r.emitted()
		diff := r.model.Diff(got)
		return diff == "", diff
	})
	for _, id := range r.gen.All() {
		got, err := r.observed(id)
		if err != nil {
			r.t.Fatal(err)
		}
		if diff := r.expected(id).Diff(got); diff != "" {
			r.t.Error(diff)
		}
	}
	r.node.clean()
	r.t.Logf("%d messages to %d addresses, %d planned failures", r.messages, len(r.model.Sum), r.failures)
}

// emitted is the model with the records that there are in place of its own.
func (r *random) emitted() *programs.World {
	w := *r.model
	w.Emitted = map[string]int{}
	for _, l := range r.node.lines(outFile) {
		w.Emitted[l.Key]++
	}
	return &w
}
