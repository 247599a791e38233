package benchmarks

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// actors is a population of counters, all in one actor system. Nothing of it runs
// while no chain is under way: it need not be stopped.
type actors struct {
	root     *actor.RootContext
	pids     []*actor.PID
	counters []counter
	sent     int64 // by all drivers so far
}

func spawn(n int) *actors {
	quiet := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })
	root := actor.NewActorSystem(quiet).Root
	all := &actors{root: root, pids: make([]*actor.PID, n), counters: make([]counter, n)}
	for i := range all.pids {
		c := &all.counters[i]
		c.pids = all.pids
		all.pids[i] = root.Spawn(actor.PropsFromProducer(func() actor.Actor { return c }))
	}
	all.wake()
	return all
}

// wake sends each actor a first message and waits until all have had it. What
// happens only once (a PID finds its process, say) is over then: chains would take
// long to get everywhere.
func (a *actors) wake() {
	const together = 1000
	for some := range slices.Chunk(a.pids, together) {
		awake := new(sync.WaitGroup)
		awake.Add(len(some))
		for _, pid := range some {
			a.root.Send(pid, awake)
		}
		awake.Wait()
	}
}

// measure runs chains for the warm-up and the duration of cfg.
func (a *actors) measure(ctx context.Context, cfg ActorsConfig, inFlight int) (ActorsResult, error) {
	drivers := a.drivers(cfg, inFlight, math.MaxInt64)
	finish := a.launch(drivers)
	defer finish()
	if err := pause(ctx, cfg.Warmup); err != nil {
		return ActorsResult{}, err
	}
	before := takeSnapshot(drivers)
	if err := pause(ctx, cfg.Duration); err != nil {
		return ActorsResult{}, err
	}
	r := takeSnapshot(drivers).since(before)
	r.Addresses, r.InFlight, r.Drivers = cfg.Addresses, inFlight, cfg.Drivers
	return r, nil
}

// runChains runs total chains to their end.
func (a *actors) runChains(cfg ActorsConfig, total int64) {
	var never atomic.Bool
	a.await(a.drivers(cfg, cfg.InFlight, total), &never)
}

// launch runs the drivers in the background until finish is called, which waits
// for the last chain.
func (a *actors) launch(drivers []*driver) (finish func()) {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.await(drivers, &stop)
	}()
	return func() {
		stop.Store(true)
		<-done
	}
}

func (a *actors) await(drivers []*driver, stop *atomic.Bool) {
	var all sync.WaitGroup
	for _, d := range drivers {
		all.Go(func() { d.run(stop) })
	}
	all.Wait()
	a.sent += messages(drivers)
}

// verify compares what the actors counted with what was sent.
func (a *actors) verify() error {
	counted := int64(0)
	for i := range a.counters {
		counted += a.counters[i].n
	}
	if counted != a.sent {
		return fmt.Errorf("benchmarks: the actors counted %d messages of %d that were sent", counted, a.sent)
	}
	return nil
}

// drivers makes the drivers for inFlight chains, which start total chains in all.
func (a *actors) drivers(cfg ActorsConfig, inFlight int, total int64) []*driver {
	out := make([]*driver, cfg.Drivers)
	for i := range out {
		out[i] = &driver{actors: a, hops: cfg.Hops, budget: share(total, i, cfg.Drivers)}
	}
	for i := range inFlight {
		d := out[i%len(out)]
		d.chains = append(d.chains, &chain{random: uint64(i+1) * 0x9e3779b97f4a7c15, payload: make([]byte, cfg.Payload)})
	}
	return out
}

// share is the i-th of parts shares of total, which differ by one at most.
func share(total int64, i, parts int) int64 {
	n := total / int64(parts)
	if int64(i) < total%int64(parts) {
		n++
	}
	return n
}
