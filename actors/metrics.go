package actors

import (
	"runtime"
	"sync"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

func workersByDefault() int { return runtime.GOMAXPROCS(0) }

// counters are those that functions count themselves.
type counters struct {
	mu     sync.Mutex
	values map[counterName]int64
}

type counterName struct {
	function functions.TypeName
	name     string
}

// maxCounters bounds what functions can make up.
const maxCounters = 10_000

func (c *counters) add(f functions.TypeName, name string, delta int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[counterName]int64{}
	}
	k := counterName{f, name}
	if _, known := c.values[k]; known || len(c.values) < maxCounters {
		c.values[k] += delta
	}
}

// Metrics are totals since the start, and present values.
type Metrics struct {
	Functions   map[functions.TypeName]FunctionMetrics
	LiveGrains  int64
	Activations uint64 // of grains, each of which read the address's state
	Held        int64  // messages that wait with grains, in memory
	Quarantined int64
	Sends       uint64 // accepted from outside
	Replies     uint64 // answers handed to clients
	LateReplies uint64 // replies that nobody waited for
	Async       int64  // asynchronous work running
	Journal     persistence.Metrics
}

// FunctionMetrics are totals of one function type since the start, and present values.
type FunctionMetrics struct {
	In, OutLocal, OutEgress, Failures, Quarantined uint64
	Async                                          int64            // asynchronous work under way
	Counters                                       map[string]int64 // what the function counts itself
	Rates                                          Rates

	// Of a function that is called elsewhere: where, its attempts at a request, those
	// that are under way, and how many brought no response.
	Endpoint        string
	InFlight        int64
	RequestFailures uint64
	Latency         Latency
	Failing         *Failing // nil: the last request has succeeded
}

// LiveGrains is how many there are. It may be called at any time, and takes no lock.
func (e *Engine) LiveGrains() (n int64) {
	for _, w := range e.workers {
		n += w.live.Load()
	}
	return n
}

// CachedBytes is how much memory the journal could do without.
func (e *Engine) CachedBytes() int64 { return e.journal.CachedBytes() }

// OnlyRemote reports whether all functions are called elsewhere. It does not change.
func (e *Engine) OnlyRemote() bool { return len(e.opts.Functions) == 0 && len(e.opts.Remotes) > 0 }

// Metrics may be called at any time.
func (e *Engine) Metrics() Metrics {
	m := Metrics{
		Functions: map[functions.TypeName]FunctionMetrics{}, Quarantined: e.quarantined.count.Load(),
		Sends: e.metrics.sends.Load(), Replies: e.metrics.replies.Load(), LateReplies: e.metrics.lateReplies.Load(),
		Async: e.asyncRunning.Load(), Journal: e.journal.Metrics(), LiveGrains: e.LiveGrains(),
	}
	for _, w := range e.workers {
		m.Activations += w.activations.Load()
		m.Held += w.held.Load()
	}
	counted := e.counters.byFunction()
	e.noting.Lock()
	defer e.noting.Unlock()
	e.each(func(f *function) {
		of := f.read()
		of.Counters = counted[f.Type]
		m.Functions[f.Type] = of
	})
	return m
}

// read is called with Engine.noting held.
func (f *function) read() FunctionMetrics {
	rates, before := f.rates()
	c := &f.metrics
	m := FunctionMetrics{
		In: c.in.Load(), OutLocal: c.outLocal.Load(), OutEgress: c.outEgress.Load(),
		Failures: c.failures.Load(), Quarantined: c.quarantined.Load(), Async: c.async.Load(),
		Rates: rates,
	}
	if f.remote != nil {
		m.Endpoint, m.InFlight, m.RequestFailures = f.remote.Endpoint, c.inFlight.Load(), c.requestFailures.Load()
		m.Latency, m.Failing = c.latency.read(&before), c.readFailing()
		if m.Failing != nil {
			m.Failing.Next = f.server.nextTry()
		}
	}
	return m
}

// byFunction is what each function has counted, nil if nothing.
func (c *counters) byFunction() map[functions.TypeName]map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[functions.TypeName]map[string]int64{}
	for k, v := range c.values {
		if out[k.function] == nil {
			out[k.function] = map[string]int64{}
		}
		out[k.function][k.name] = v
	}
	return out
}
