package actors

import (
	"slices"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// directory maps the addresses of one worker to their live grains. Only the
// worker touches it, so delivery and passivation cannot meet.
type directory struct {
	grains   grainTable
	all      []*grain // every grain ever spawned, for the clock
	free     []*grain // of those, the ones that serve nobody
	released int      // of all, given back
	hand     int
	limit    int
	loading  atomic.Int64 // of the grains, for ingresses too
}

func (d *directory) hash(a functions.Address) uint64 { return hashOf(d.grains.seed, a) }

// live visits the live grains, in the order of their shells.
func (d *directory) live(visit func(*grain)) {
	for _, g := range d.all {
		if g.fn != nil {
			visit(g)
		}
	}
}

// activate gives the address a grain and has its state read.
func (w *worker) activate(a functions.Address, hash uint64) *grain {
	fn := w.engine.function(a.Type)
	if fn == nil {
		fn = w.engine.missing
	}
	d := &w.directory
	if d.grains.n >= d.limit {
		w.evict(2)
	}
	var g *grain
	if n := len(d.free); n > 0 {
		g = d.free[n-1]
		d.free = d.free[:n-1]
	} else {
		g = w.spawn()
		d.all = append(d.all, g)
	}
	g.become(fn, a, w.engine.journal.Group(a.ID))
	g.hash = hash
	d.grains.put(g)
	d.loading.Add(1)
	w.live.Store(int64(d.grains.n))
	w.activations.Add(1)
	w.toLoad = append(w.toLoad, g)
	if len(w.toLoad) >= loadTogether {
		w.load()
	}
	return g
}

// grain returns the grain of an address, activated if it was not.
func (w *worker) grain(a functions.Address) *grain {
	hash := w.directory.hash(a)
	if g := w.directory.grains.find(hash, a); g != nil {
		return g
	}
	return w.activate(a, hash)
}

// passive reports whether the grain can go: nothing is pending, and what it
// would be loaded from is all that it is.
func (w *worker) passive(g *grain) bool {
	return g.status == statusReady && g.pins == 0 && g.inbox.empty() && g.round != w.round && g.record.Batch() <= w.engine.journal.Durable()
}

func (w *worker) passivate(g *grain) {
	w.directory.grains.remove(g)
	w.live.Store(int64(w.directory.grains.n))
	w.giveUpTurn(g)
	g.fn, g.asking = nil, nil
	g.cells, g.extra = g.cells[:0], nil
	w.directory.free = append(w.directory.free, g)
}

// evict frees up to n grains that were not used since the clock's hand passed.
func (w *worker) evict(n int) {
	d := &w.directory
	for range min(2*len(d.all), evictLooks) {
		if n == 0 {
			return
		}
		d.hand = (d.hand + 1) % len(d.all)
		g := d.all[d.hand]
		if g.fn == nil {
			continue
		}
		if g.used {
			g.used = false
			continue
		}
		if w.passive(g) {
			w.passivate(g)
			n--
		}
	}
}

// sweep passivates what was not used since the last sweep, a part at a time.
func (w *worker) sweep() {
	w.beginSearch()
	d := &w.directory
	for range min(len(d.all), 1+len(d.all)/sweeps) {
		d.hand = (d.hand + 1) % len(d.all)
		g := d.all[d.hand]
		switch {
		case g.fn == nil:
		case g.used:
			g.used = false
		case w.passive(g):
			w.passivate(g)
		}
	}
	w.release()
}

const (
	spareShells     = 1024 // of a worker, for who comes next
	releaseTogether = 4096
)

// release gives back shells that serve nobody, a part at a time, if there are more
// of them than grains.
func (w *worker) release() {
	d := &w.directory
	for range min(releaseTogether, len(d.free)-d.grains.n-spareShells) {
		last := len(d.free) - 1
		g := d.free[last]
		d.free[last], d.free = nil, d.free[:last]
		g.released = true
		d.released++
		g.mailbox.invoker.InvokeSystemMessage(&actor.Stop{})
	}
	if 2*d.released <= len(d.all) {
		return
	}
	d.all = slices.Clip(slices.Clone(slices.DeleteFunc(d.all, func(g *grain) bool { return g.released })))
	d.free = slices.Clip(slices.Clone(d.free))
	d.released, d.hand = 0, 0
	d.grains.shrink()
}

// evictLooks bounds what an activation pays where hardly any grain can go.
const evictLooks = 64

// sweeps is how many sweeps visit every grain once.
const sweeps = 30

// Of newly activated grains so many are loaded on one goroutine, and on so many
// goroutines at a time: enough for a disk to be busy, and few who wait for each other.
const (
	loadTogether = 64
	mostLoads    = 16
)

// load has the state of newly activated grains read, off the worker.
func (w *worker) load() {
	for len(w.toLoad) > 0 && w.loads < mostLoads {
		n := min(len(w.toLoad), loadTogether)
		grains := w.toLoad[:n:n]
		if w.toLoad = w.toLoad[n:]; len(w.toLoad) == 0 {
			w.toLoad = nil
		}
		w.loads++
		few := w.readFew()
		w.engine.background("load", func() {
			loaded := w.engine.read(grains, few)
			w.post(func(w *worker) {
				w.loads--
				w.arrived = append(w.arrived, loaded)
			})
		})
	}
}

// loadedGrain is what the journal has of an address.
type loadedGrain struct {
	grain    *grain
	state    persistence.Loaded
	messages []*persistence.Message
	more     bool
	starts   int
	err      error
}

// read reads what the journal has of grains; few is for function.enough.
func (e *Engine) read(grains []*grain, few int) []loadedGrain {
	records := make([]*persistence.Record, len(grains))
	for i, g := range grains {
		records[i] = &g.record
	}
	out := make([]loadedGrain, len(grains))
	for i, r := range e.journal.LoadAll(records) {
		l := &out[i]
		l.grain, l.state, l.err = grains[i], r.Loaded, r.Err
		if l.err == nil && r.Inbox {
			l.messages, l.more, l.err = e.journal.ReadInbox(records[i], l.state.Consumed, true, l.grain.fn.enough(few))
		}
		if l.err == nil && e.careful.Load() {
			l.starts, l.err = e.starts(grains[i])
		}
	}
	return out
}

// takeLoaded goes on with the grains that were loaded. It reports false if the worker
// is somebody else's now, who then goes on, or if the batch is full.
func (w *worker) takeLoaded(owner uint64) bool {
	for len(w.arrived) > 0 {
		if !w.flushMuch() {
			return false
		}
		l := &w.arrived[0][0]
		if w.arrived[0] = w.arrived[0][1:]; len(w.arrived[0]) == 0 {
			w.arrived[0] = nil
			w.arrived = w.arrived[1:]
		}
		if w.loaded(l); w.owner.Load() != owner {
			return false
		}
	}
	return true
}

func (w *worker) loaded(l *loadedGrain) {
	g := l.grain
	w.directory.loading.Add(-1)
	if l.err != nil {
		w.engine.opts.Logger.Error("state cannot be read", "address", g.address().String(), "error", l.err)
		g.busy(statusDamaged, "its state cannot be read: "+l.err.Error(), 0)
		return
	}
	g.load(l.state)
	g.starts = l.starts
	w.hold(g, func() { g.inbox.restore(l.messages, l.more, w.window()) })
	g.ready()
	w.spill(g)
	w.pump(g)
}
