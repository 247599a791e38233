package actors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// Options configure an engine.
type Options struct {
	Environment *environment.Environment
	Functions   []*functions.Function
	// Remotes are where functions are called that do not run here.
	Remotes []Remote
	// Egresses are where functions may send to, besides functions.
	Egresses map[functions.TypeName]Sink
	// Pulled are egresses, too, that no sink gets the records of: they wait in the
	// journal until somebody takes them, see Engine.NextRecord.
	Pulled map[functions.TypeName]QueueOf
	// Journal's Environment, Workers and call-backs are the engine's to set.
	Journal persistence.Options
	Logger  *slog.Logger

	// Workers is the number of loops that run grains. Defaults to GOMAXPROCS.
	Workers int
	// KeyGroups is fixed when an application is created. Defaults to 128.
	KeyGroups int
	// LiveGrains is about how many grains stay in memory. Defaults to 200,000, or
	// 16,000 where no function runs here: next to a request, reading the state of an
	// address is nothing.
	LiveGrains int
	// IdleAfter is how long a grain stays in memory unused. Defaults to 30 s.
	IdleAfter time.Duration
	// MaxBlocking invocations run off the workers at a time. Defaults to 256.
	MaxBlocking int

	// Deadline of an invocation. Defaults to 30 s.
	Deadline time.Duration
	// MaxAttempts before a message is quarantined. Defaults to 10.
	MaxAttempts int
	// FirstBackoff doubles with every attempt up to LastBackoff. Default to
	// 10 ms and 10 s.
	FirstBackoff, LastBackoff time.Duration

	// MaxSends bounds the messages of one transaction. Defaults to 100,000.
	MaxSends int
	// MaxTransactionBytes bounds the effects of one invocation. Defaults to
	// 128 MiB.
	MaxTransactionBytes int
	// MaxValueBytes bounds a message, a state's value or entry. Defaults to 64 MiB.
	MaxValueBytes int
	// MaxWaitingBytes bounds what ingresses have under way to the journal; above
	// it they get ErrOverloaded. Defaults to 64 MiB.
	MaxWaitingBytes int64
	// MaxBacklogBytes bounds the disk space of the journal above which
	// ingresses get ErrOverloaded. Defaults to 64 GiB.
	MaxBacklogBytes int64
	// IdempotencyKept is how long idempotency keys are remembered. Defaults to 24 h.
	IdempotencyKept time.Duration
	// UncleanStarts in a row begin a careful start. Defaults to 3.
	UncleanStarts int

	// window of an inbox in memory; the next timers of each key group, about, and
	// records of each egress that are there.
	window       window
	nearTimers   int
	egressWindow int
	// system is for grains, in place of one of the engine's own: a simulation
	// starts engines by the thousand, and a system is dear to make.
	system *actor.ActorSystem
}

func (o *Options) setDefaults() {
	o.KeyGroups = cmp.Or(o.KeyGroups, persistence.DefaultKeyGroups)
	o.Workers = min(cmp.Or(o.Workers, workersByDefault()), o.KeyGroups)
	if len(o.Functions) == 0 && len(o.Remotes) > 0 {
		o.LiveGrains = cmp.Or(o.LiveGrains, 16_000)
	}
	o.LiveGrains = cmp.Or(o.LiveGrains, 200_000)
	o.IdleAfter = cmp.Or(o.IdleAfter, 30*time.Second)
	o.MaxBlocking = cmp.Or(o.MaxBlocking, 256)
	o.Deadline = cmp.Or(o.Deadline, 30*time.Second)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, 10)
	o.FirstBackoff = cmp.Or(o.FirstBackoff, 10*time.Millisecond)
	o.LastBackoff = cmp.Or(o.LastBackoff, 10*time.Second)
	o.MaxSends = cmp.Or(o.MaxSends, 100_000)
	o.MaxTransactionBytes = cmp.Or(o.MaxTransactionBytes, 128<<20)
	o.MaxValueBytes = cmp.Or(o.MaxValueBytes, 64<<20)
	o.MaxWaitingBytes = cmp.Or(o.MaxWaitingBytes, 64<<20)
	o.MaxBacklogBytes = cmp.Or(o.MaxBacklogBytes, 64<<30)
	o.IdempotencyKept = cmp.Or(o.IdempotencyKept, 24*time.Hour)
	o.window.messages = cmp.Or(o.window.messages, windowMessages)
	o.window.bytes = cmp.Or(o.window.bytes, windowBytes)
	o.nearTimers = cmp.Or(o.nearTimers, nearTimers)
	o.egressWindow = cmp.Or(o.egressWindow, egressWindow)
	o.UncleanStarts = cmp.Or(o.UncleanStarts, 3)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Engine runs the grains of one node. Its methods are safe for concurrent use
// once Start has returned.
type Engine struct {
	opts      Options
	env       *environment.Environment
	journal   *persistence.Journal
	system    *actor.ActorSystem
	functions map[functions.TypeName]*function
	remotes   remotes
	missing   *function // stands in for those that do not exist
	egresses  map[functions.TypeName]bool
	workers   []*worker
	workerOf  []int        // by key group
	seed      maphash.Seed // of the hashes by which workers find grains

	calls    calls
	queues   egressQueues
	counters counters
	pool     pool
	watchdog watchdog
	ingress  ingress

	careful     atomic.Bool
	quarantined quarantined
	declareLock sync.Mutex

	asyncRunning atomic.Int64
	asyncContext context.Context //nolint:containedctx // of all asynchronous work, ended by Close
	asyncCancel  context.CancelFunc
	reading      sync.WaitGroup // of the journal, in the background
	alone        atomic.Int64   // goroutines that run user code off the workers

	backlogBytes  atomic.Int64
	egressStopped atomic.Bool
	stopped       chan struct{}
	halted        chan struct{} // closed when an I/O error has stopped the journal

	lock     sync.Mutex
	started  bool
	running  atomic.Bool
	closing  bool
	timers   map[string]environment.Timer
	failure  chan error
	failOnce sync.Once
	metrics  engineMetrics
	noting   sync.Mutex // guards what functions note for their rates
}

type engineMetrics struct {
	sends, replies, lateReplies atomic.Uint64
}

// ErrUnknownFunction marks a message to a function type that is not registered.
var ErrUnknownFunction = errors.New("actors: unknown function")

func unknownFunction(t functions.TypeName) error {
	return fmt.Errorf("%w: cannot find a provider for type FunctionType(%s, %s)", ErrUnknownFunction, t.Namespace(), t.Name())
}

// Open recovers the journal. No function runs before Start.
func Open(o Options) (*Engine, error) {
	o.setDefaults()
	e := &Engine{
		opts: o, env: o.Environment,
		functions: map[functions.TypeName]*function{}, egresses: map[functions.TypeName]bool{},
		seed: maphash.MakeSeed(), failure: make(chan error, 1), stopped: make(chan struct{}), halted: make(chan struct{}), timers: map[string]environment.Timer{},
	}
	e.asyncContext, e.asyncCancel = context.WithCancel(context.Background())
	if err := e.register(); err != nil {
		return nil, err
	}
	e.makeWorkers()
	if err := e.openJournal(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Engine) register() error {
	for _, f := range e.opts.Functions {
		if err := f.Validate(); err != nil {
			return err
		}
		if e.functions[f.Type] != nil {
			return fmt.Errorf("actors: function %s is registered twice", f.Type)
		}
		if f.Type.Namespace() == reservedNamespace {
			return fmt.Errorf("actors: function %s: the namespace %s is the runtime's own", f.Type, reservedNamespace)
		}
		e.functions[f.Type] = newFunction(f, &e.opts)
	}
	for id := range e.opts.Egresses {
		if err := e.registerEgress(id); err != nil {
			return err
		}
	}
	for id := range e.opts.Pulled {
		if err := e.registerEgress(id); err != nil {
			return err
		}
	}
	if err := e.registerRemotes(); err != nil {
		return err
	}
	once := newOnce(&e.opts)
	e.functions[once.Type] = once
	e.missing = newMissing(&e.opts)
	return nil
}

func (e *Engine) registerEgress(id functions.TypeName) error {
	if _, err := functions.ParseTypeName(string(id)); err != nil {
		return fmt.Errorf("actors: egress: %w", err)
	}
	if e.egresses[id] {
		return fmt.Errorf("actors: egress %s has a sink and is pulled", id)
	}
	e.egresses[id] = true
	return nil
}

func (e *Engine) makeWorkers() {
	e.workerOf = make([]int, e.opts.KeyGroups)
	groups := make([][]persistence.KeyGroup, e.opts.Workers)
	for g := range e.workerOf {
		i := g % e.opts.Workers
		e.workerOf[g] = i
		groups[i] = append(groups[i], persistence.KeyGroup(g))
	}
	for i := range e.opts.Workers {
		w := &worker{engine: e, groups: groups[i], recent: newRecent(), timers: newTimers(groups[i], e.opts.nearTimers)}
		w.inline = newInvocation(w)
		w.props = w.spawnProps()
		w.directory = directory{
			grains: newGrainTable(e.seed), limit: max(1, e.opts.LiveGrains/e.opts.Workers),
		}
		e.workers = append(e.workers, w)
	}
	e.pool.engine, e.watchdog.engine, e.queues.engine = e, e, e
	e.ingress.engine = e
	e.calls.init()
	e.calls.late = func() { e.metrics.lateReplies.Add(1) }
}

func (e *Engine) openJournal() error {
	o := e.opts.Journal
	o.Environment, o.Workers, o.KeyGroups = e.env, e.opts.Workers, e.opts.KeyGroups
	o.Deliver, o.Highest, o.Room = e.deliver, e.highest, e.room
	o.Egress, o.Synced, o.Stopped, o.Space = e.queues.released, e.synced, e.halt, e.spaceChanged
	j, err := persistence.Open(o)
	if err != nil {
		return err
	}
	e.journal = j
	for _, w := range e.workers {
		w.queue.sequence = j.Recovered()
	}
	return nil
}

// Start begins to run functions: first those that had messages waiting.
func (e *Engine) Start() error {
	if e.system = e.opts.system; e.system == nil {
		e.system = newSystem()
	}
	e.journal.Start()
	for i, w := range e.workers {
		w.shard = e.journal.Shard(i)
	}
	for _, t := range slices.Sorted(maps.Keys(e.functions)) { // a new state gets the next number
		f := e.functions[t]
		f.remember(e.journal.Specs(f.Type))
		for _, s := range f.States {
			if err := e.declare(f, s.Spec()); err != nil {
				return errors.Join(fmt.Errorf("function %s: %w", f.Type, err), e.journal.Close())
			}
		}
	}
	if err := e.countStart(); err != nil {
		return errors.Join(err, e.journal.Close())
	}
	for _, w := range e.workers {
		w.beginSearch()
		w.resume.named = true
	}
	if err := e.queues.open(e.opts.Egresses); err != nil {
		return errors.Join(err, e.queues.close(), e.journal.Close())
	}
	for i, w := range e.workers {
		w.task = e.task(fmt.Sprintf("worker %d", i), w.step)
	}
	e.started = true
	// What a former run left pending is settled before this one begins anything.
	if err := e.settleAsync(); err != nil {
		return err
	}
	e.quarantined.start(e)
	e.running.Store(true)
	e.room()
	e.queues.wake()
	e.watchdog.start()
	e.every("rates", rateStep, e.noteTotals)
	e.every("sweep", max(e.opts.IdleAfter/sweeps, time.Millisecond), e.sweep)
	return nil
}

func newSystem() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler) // what matters of grains is logged here
	}))
}

// shutdown ends the engine's own actor system.
func (e *Engine) shutdown() {
	if e.opts.system == nil {
		e.system.Shutdown()
	}
}

// task starts a task whose steps do nothing before all tasks are known.
func (e *Engine) task(name string, step func() bool) environment.Task {
	return e.env.Dispatcher.Start(name, func() bool { return e.running.Load() && step() })
}

func (e *Engine) sweep() {
	m := e.journal.Metrics()
	e.backlogBytes.Store(m.LogBytes + int64(m.Tables.DiskBytes))
	for _, w := range e.workers {
		w.post((*worker).sweep)
	}
}

func (e *Engine) declare(f *function, s *functions.StateSpec) error {
	e.declareLock.Lock()
	defer e.declareLock.Unlock()
	return f.declare(e.journal, s)
}

// every calls f at an interval until the engine closes.
func (e *Engine) every(name string, d time.Duration, f func()) {
	e.later(name, d, func() time.Duration { f(); return d })
}

// later calls f after a while, and again after what it returns, until the engine
// closes.
func (e *Engine) later(name string, d time.Duration, f func() time.Duration) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.closing {
		return
	}
	e.timers[name] = e.env.Clock.AfterFunc(d, func() { e.later(name, f(), f) })
}

// deliver queues messages with their targets' workers. It runs under the
// appender's shard.
func (e *Engine) deliver(messages []*persistence.Message) {
	for some := range slices.Chunk(messages, deliverTogether) {
		e.deliverSome(some)
	}
}

// deliverTogether is how many messages are sorted by worker at a time, so that a
// queue is entered once for several of them.
const deliverTogether = 64

func (e *Engine) deliverSome(messages []*persistence.Message) {
	var sorted [deliverTogether]delivery
	var to [deliverTogether]int
	for i, m := range messages {
		to[i] = e.workerOf[persistence.GroupOf(m.Target.ID, e.opts.KeyGroups)]
		sorted[i] = delivery{hashOf(e.seed, m.Target), m}
	}
	const done = -1
	for i := range messages {
		target := to[i]
		if target == done {
			continue
		}
		w := e.workers[target]
		w.queue.mu.Lock()
		for k := i; k < len(messages); k++ {
			if to[k] == target {
				w.queue.push(sorted[k])
				to[k] = done
			}
		}
		w.queue.shown.Store(w.queue.bytes)
		w.queue.mu.Unlock()
		w.task.Wake()
	}
}

func (e *Engine) highest() persistence.Sequence {
	s := e.journal.Recovered()
	for _, w := range e.workers {
		s = max(s, w.queue.highest())
	}
	return s
}

// room is called when refused appends may be tried again.
func (e *Engine) room() {
	if e.running.Load() { // Start calls room once more when it is
		for _, w := range e.workers {
			w.task.Wake()
		}
	}
	e.ingress.room()
}

// synced is called with every batch that became durable. Timers may be waiting
// for rows to become readable.
func (e *Engine) synced(persistence.BatchNumber) {
	for _, w := range e.workers {
		if w.wantsSync.Load() {
			w.task.Wake()
		}
	}
}

// spaceChanged says what the free space of the disk means.
func (e *Engine) spaceChanged(s persistence.Space) {
	l := e.opts.Logger.With("free_bytes", s.Free, "owed_bytes", s.Owed, "reserve_bytes", s.Reserve)
	switch s.Level {
	case persistence.SpaceAmple:
		l.Info("there is free disk space again: messages from outside are accepted")
	case persistence.SpaceLow:
		l.Warn("free disk space is below the reserve: messages from outside are refused until there is more")
	case persistence.SpaceScarce:
		l.Error("free disk space is below half of the reserve: functions pause until there is more")
		e.ingress.room() // who waits for room in the journal learns that it is the disk's
	}
}

// halt is called once, when the journal has stopped.
func (e *Engine) halt(err error) {
	e.fail(err) // before those who wait learn of it
	close(e.halted)
}

// fail stops the engine for good, with a reason.
func (e *Engine) fail(err error) {
	e.failOnce.Do(func() {
		e.failure <- err
		e.opts.Logger.Error("the node stops", "error", err)
	})
}

// Failed delivers the reason when the engine cannot go on.
func (e *Engine) Failed() <-chan error { return e.failure }

// Journal is for those who read it: status, state, queues.
func (e *Engine) Journal() *persistence.Journal { return e.journal }
