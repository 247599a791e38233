package statefun

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/actors"
	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// content is what a world was given.
type content struct {
	ledgers map[string]*ledger
	gates   map[string][]int64
	bells   map[string][]int64
	workers map[string][]int64
	bad     int
	sends   int // to ledgers
	armed   int // and cancelled
	rings   int
	works   int // of the last run: those of the runs before are settled
	begun   int
}

func newContent() *content {
	return &content{
		ledgers: map[string]*ledger{}, gates: map[string][]int64{}, bells: map[string][]int64{}, workers: map[string][]int64{},
	}
}

// A giver sends what becomes a world's content. Without a world it only notes
// the content.
type giver struct {
	*content
	testing.TB

	w    *world // or nil
	out  []actors.Outgoing
	last int64
}

func (g *giver) send(typ functions.TypeName, id string, n int64) {
	g.out = append(g.out, actors.Outgoing{To: typ.At(id), Message: functions.Int64.Of(n)})
}

func (g *giver) flush() {
	g.Helper()
	if g.w == nil {
		g.out = nil
		return
	}
	if err := g.w.node.engine.SendAll(g.Context(), g.out); err != nil {
		g.Fatal(err)
	}
	g.out = nil
}

func (g *giver) ledgersOf(ids, sets int) {
	for range sets {
		for i := range ids {
			g.toLedger(fmt.Sprintf("ledger %d", i))
		}
		g.flush()
		g.await(map[string]int{"ledger": g.sends}) // a batch each, about
	}
}

func (g *giver) toLedger(id string) {
	g.last++
	if g.ledgers[id] == nil {
		g.ledgers[id] = &ledger{book: map[string]int64{}}
	}
	g.ledgers[id].apply(g.last)
	g.send("world/ledger", id, g.last)
	g.sends++
}

// sync returns when all that was sent to functions of an id is durable and has
// arrived at its worker.
func (g *giver) sync(id string) {
	g.Helper()
	g.toLedger(id)
	g.flush()
	g.await(map[string]int{"ledger": g.sends})
}

// settle returns when all that functions have done so far is durable: a worker
// appends in order, and a reply comes when it is durable.
func (g *giver) settle() {
	g.Helper()
	for i := range worldGroups {
		id := fmt.Sprint(i)
		for k := 0; persistence.GroupOf(id, worldGroups) != persistence.KeyGroup(i); k++ {
			id = fmt.Sprint(k)
		}
		if _, err := g.w.node.Call(g.Context(), functions.TypeName("world/echo").At(id), functions.Int64.Of(1)); err != nil {
			g.Fatal(err)
		}
	}
}

func (g *giver) await(wanted map[string]int) {
	g.Helper()
	if g.w == nil {
		return
	}
	if err := g.w.await(g.Context(), wanted); err != nil {
		g.Fatal(err)
	}
}

// gatesOf gives the first address so much that it is spilled.
func (g *giver) gatesOf(ids, many, few int) {
	for i := range ids {
		id, n := fmt.Sprintf("gate %d", i), few
		if i == 0 {
			n = many
		}
		for k := range n {
			g.last++
			g.gates[id] = append(g.gates[id], g.last)
			g.send("world/gate", id, g.last)
			if k%200 == 199 {
				g.sync(id) // what is to be spilled has to be durable and delivered
			}
		}
	}
	g.flush()
}

func (g *giver) clocksOf(ids, timers int) {
	for i := range ids {
		id := fmt.Sprintf("clock %d", i)
		for range timers {
			g.last++
			g.send("world/clock", id, g.last)
			g.armed++
			if g.last%6 == 1 {
				g.send("world/clock", id, -g.last)
				g.armed++
				continue
			}
			g.bells[id] = append(g.bells[id], g.last)
			g.rings++
		}
	}
	g.flush()
}

func (g *giver) workersOf(ids int) {
	g.works, g.begun = ids, g.begun+ids
	for i := range ids {
		g.last++
		id := fmt.Sprintf("worker %d", i)
		g.workers[id] = append(g.workers[id], g.last)
		g.send("world/worker", id, g.last)
	}
	g.flush()
}

func (g *giver) badOf(ids int) {
	for i := range ids {
		g.last++
		g.send("world/bad", fmt.Sprintf("bad %d", i), g.last)
		g.bad++
	}
	g.flush()
}

// onceOf sends to ledgers with idempotency keys.
func (g *giver) onceOf(keys int) {
	g.Helper()
	for i := range keys {
		g.last++
		id := fmt.Sprintf("once %d", i)
		g.ledgers[id] = &ledger{book: map[string]int64{}}
		g.ledgers[id].apply(g.last)
		g.once(id)
		g.sends++
	}
}

func (g *giver) once(id string) {
	g.Helper()
	if g.w == nil {
		return
	}
	a, err := g.w.node.engine.SendOnce(g.Context(), "key", functions.TypeName("world/ledger").At(id), functions.Int64.Of(g.ledgers[id].sum))
	if err != nil || a.Conflict {
		g.Fatalf("%s: %+v, %v", id, a, err)
	}
}

// a scale is how much there is of everything.
type scale struct {
	ledgers, sets, gates, many, few, clocks, timers, workers, bad, once int
}

// buildWorld makes a data directory in three runs, the last of which is ended by
// the caller.
func buildWorld(t testing.TB, fs vfs.FS, s scale) (*world, *content) {
	t.Helper()
	c := newContent()
	w := newWorld(fs)
	for run := range 3 {
		if run > 0 {
			if err := w.node.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		g := giver{content: c, TB: t, w: w}
		g.give(run, s)
		g.await(map[string]int{"ledger": c.sends, "clock": c.armed, "worker": c.begun, "bad": c.bad})
		g.settle()
	}
	return w, c
}

// give gives what belongs to one of the three runs.
func (g *giver) give(run int, s scale) {
	g.last = int64(run) * 100_000
	g.ledgersOf(s.ledgers, s.sets)
	if run == 0 {
		g.onceOf(s.once)
		g.badOf(s.bad)
		return
	}
	g.gatesOf(s.gates, s.many, s.few)
	g.clocksOf(s.clocks, s.timers)
	g.workersOf(s.workers)
}
