package benchmarks

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// counter is the actor. Only it touches n while chains are under way.
type counter struct {
	n    int64
	pids []*actor.PID
}

// chain is the message. It belongs to whom it was sent to last.
type chain struct {
	hops     int // that are left, the current one included
	random   uint64
	payload  []byte
	finished chan<- *chain // back to its driver
}

// driver keeps a fixed number of chains under way.
type driver struct {
	actors *actors
	chains []*chain
	hops   int
	budget int64 // chains to start; not changed
	// completed is the number of chains that have ended. The driver alone adds.
	completed atomic.Int64
}

// Receive implements actor.Actor.
func (c *counter) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *chain:
		c.n++
		if m.hops--; m.hops == 0 {
			m.finished <- m
			return
		}
		ctx.Send(m.target(c.pids), m)
	case *sync.WaitGroup:
		m.Done()
	}
}

// target picks the actor of the next hop (xorshift).
func (m *chain) target(pids []*actor.PID) *actor.PID {
	m.random ^= m.random << 13
	m.random ^= m.random >> 7
	m.random ^= m.random << 17
	return pids[(m.random>>32)*uint64(len(pids))>>32]
}

// run starts chains until the budget is used up or stop is set, and returns when
// all of them have ended.
func (d *driver) run(stop *atomic.Bool) {
	finished := make(chan *chain, len(d.chains))
	started := int64(0)
	for _, c := range d.chains {
		if started == d.budget {
			break
		}
		c.finished = finished
		d.start(c)
		started++
	}
	for ended := int64(0); ended < started; {
		c := <-finished
		ended++
		d.completed.Store(ended)
		if started < d.budget && !stop.Load() {
			d.start(c)
			started++
		}
	}
}

func (d *driver) start(c *chain) {
	c.hops = d.hops
	d.actors.root.Send(c.target(d.actors.pids), c)
}
