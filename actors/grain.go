package actors

import (
	"math"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// status says whether a grain can take its next message.
type status uint8

const (
	statusReady   status = iota
	statusLoading        // its state is being read
	statusRunning        // an invocation runs off the worker
	statusBackoff        // the next attempt waits for its time
	statusRefill         // its next messages are being read from disk
	statusMarking        // the attempt is being made durable first
	statusAsking         // a request to its function server is under way, or about to be
	statusDamaged        // its state cannot be read
)

// cell is the value of one state, as of the grain's last transaction.
type cell struct {
	value   []byte // immutable
	present bool
	expires int64 // milliseconds since 1970, 0: never
}

// grain is the active actor of one address. It belongs to its worker. When its
// address is passivated the grain, and the Proto.Actor process around it, serve
// another one.
type grain struct {
	mailbox mailbox
	fn      *function
	hash    uint64 // of the address, in the directory
	record  persistence.Record

	cells []cell             // by place in fn.states
	room  [1]cell            // for the first of them
	extra []persistence.Cell // states that the function no longer declares
	nudge int64              // when a timer will look after expired cells, 0: none will

	status   status
	used     bool   // since the passivation clock passed
	released bool   // stopped for good
	pins     uint16 // purges that wait for it
	epoch    uint32 // of wake-ups: an older one is void
	round    uint64 // of the worker's appends, at its last staged transaction
	attempts int    // at the first pending message
	starts   int    // of that, by processes that did not live to see the end
	marked   bool   // the current attempt is durable
	slowness slowness
	reason   string // why the grain waits, for people
	until    int64  // until when, milliseconds since 1970, 0: open

	asking *asking // of a remote function, nil before its first request
	inbox  inbox
}

// Receive implements actor.Actor: it runs an invocation on the calling goroutine.
func (g *grain) Receive(ctx actor.Context) {
	if inv, ok := ctx.Message().(*invocation); ok {
		inv.run()
	}
}

func (g *grain) address() functions.Address { return g.record.Address }

// spawn returns a grain with a fresh Proto.Actor process.
func (w *worker) spawn() *grain {
	g := &grain{}
	w.spawning = g
	w.engine.system.Root.Spawn(w.props)
	w.spawning = nil
	return g
}

// spawnProps are common to all grains of a worker: each invocation looks at
// them, and a copy for each grain would be cold.
func (w *worker) spawnProps() *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor { return w.spawning },
		actor.WithMailbox(func() actor.Mailbox {
			w.spawning.mailbox.worker = w
			return &w.spawning.mailbox
		}))
}

// become makes the grain serve an address.
func (g *grain) become(fn *function, a functions.Address, kg persistence.KeyGroup) {
	*g = grain{
		mailbox: g.mailbox, fn: fn, record: persistence.MakeRecord(a, kg), cells: g.room[:0],
		status: statusLoading, used: true, epoch: g.epoch + 1, round: noRound, inbox: g.inbox.reuse(),
	}
}

const noRound = math.MaxUint64 // nothing was staged yet

// load takes over what the journal has of the address.
func (g *grain) load(l persistence.Loaded) {
	g.record.Adopt(l)
	g.nudge = l.Nudge
	g.cells = g.cells[:0]
	for _, c := range l.Cells {
		i := g.fn.placeOf(c.Spec)
		if i < 0 {
			g.extra = append(g.extra, c)
			continue
		}
		g.grow(i)
		g.cells[i] = cell{value: c.Value, present: true, expires: c.Expires}
	}
}

// grow makes room for the cell at place i.
func (g *grain) grow(i int) {
	for len(g.cells) <= i {
		g.cells = append(g.cells, cell{})
	}
}

// busy says why the grain is not to be invoked now.
func (g *grain) busy(s status, reason string, until int64) {
	g.status, g.reason, g.until = s, reason, until
	g.epoch++
}

func (g *grain) ready() {
	g.status, g.reason, g.until = statusReady, "", 0
	g.epoch++
}
