package persistence

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

// TestSimulation has random transactions appended by a simplified node, on one
// goroutine that also runs the committer and the materializer, in an order that
// a seed decides. At any moment the process may die, be stopped or be closed: in
// the middle of a write, a materialization, a start. All that is read, at any
// time, is compared with a model. -seed N runs a seed again.
func TestSimulation(t *testing.T) {
	t.Parallel()
	eachSeed(t, 1, func(t *testing.T, seed uint64) { simulate(t, seed, false) })
}

// The same over Pebble, which flushes and compacts when it likes to: there a
// replay is only likely.
func TestSimulationWithPebble(t *testing.T) {
	t.Parallel()
	eachSeed(t, 10, func(t *testing.T, seed uint64) { simulate(t, seed, true) })
}

// simulation is one seed's run.
type simulation struct {
	testing.TB
	seed uint64
	rng  *rand.Rand
	sim  *environment.Simulation
	fs   *vfs.MemFS

	memory *tables.Memory // nil: Pebble
	opts   Options
	*Journal

	// The node.
	addresses  []functions.Address
	workers    []*simulatedWorker
	grains     map[functions.Address]*simulatedGrain
	resume     []functions.Address
	groups     []KeyGroup                   // not searched for stored messages yet
	from       []byte                       // in the first of them
	hot        functions.Address            // gets most messages, and is slow
	generation map[functions.Address]uint64 // of the entries, never used twice
	first      map[functions.Address]uint64 // position that was not cleared, of the generation
	numbers    int                          // makes values different

	// The model: as everything appended leaves it, and as older batches did.
	world        *world
	worlds       map[BatchNumber]*world
	batch        BatchNumber // of world
	acknowledged BatchNumber
	pending      []pendingEgress
	refused      bool // and Room was not called since
	elided       int  // in this run

	// Interference, see event.
	steps    map[string]func() bool
	current  string // what is under way: a task, "start", "end", "spill"
	meddling bool
	calm     bool // nobody meddles any more
	crashIn  int  // events, 0: never
	trace    []string
}

type pendingEgress struct {
	batch  BatchNumber
	record EgressRecord
}

type simulatedCrash struct{}

func simulate(t *testing.T, seed uint64, pebble bool) {
	t.Helper()
	s := &simulation{
		TB: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), fs: vfs.NewCrashableMem(),
		generation: map[functions.Address]uint64{}, first: map[functions.Address]uint64{},
		world: newWorld(), worlds: map[BatchNumber]*world{},
	}
	if !pebble {
		s.memory = tables.NewMemory(true)
	}
	s.sim = environment.Seeded(seed, s.fs)
	for i := range 2 + s.rng.IntN(5) {
		s.addresses = append(s.addresses, greeter.At(fmt.Sprint(i)), counter.At(fmt.Sprint(i)))
	}
	s.start()
	for range 2 + s.rng.IntN(5) {
		s.live(50 + s.rng.IntN(400))
	}
	s.calm = true
	s.settle()
	s.empty()
	s.must(s.Close())
	s.reopen()
	s.check()
	s.must(s.Abort())
}

// live is a process's life, after which the next one has begun: random things
// until enough is done, or it dies.
func (s *simulation) live(actions int) {
	s.crashIn = 0
	if s.rng.IntN(2) == 0 {
		s.crashIn = 1 + s.rng.IntN(3*actions)
	}
	s.hot = s.addresses[s.rng.IntN(len(s.addresses))]
	for range actions {
		if s.guarded(s.act) {
			s.crash()
			s.start()
			return
		}
	}
	appended := s.batch
	closed := s.end()
	s.start()
	if closed && (s.batch != appended || s.Metrics().OverlayBytes != 0) {
		s.fail("after Close batch %d is there, appended was %d, the overlay has %d bytes", s.batch, appended, s.Metrics().OverlayBytes)
	}
}

// guarded reports whether the process died in f.
func (s *simulation) guarded(f func()) (crashed bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(simulatedCrash); !ok {
				s.dump()
				panic(r)
			}
			crashed = true
			s.current, s.meddling, s.crashIn = "", false, 0
		}
	}()
	f()
	return false
}

// end ends the process in one of several ways. It reports true if it is closed.
func (s *simulation) end() (closed bool) {
	way := s.rng.IntN(4)
	crashed := s.guarded(func() {
		s.current = "end"
		defer func() { s.current = "" }()
		switch way {
		case 0:
			s.note("close")
			s.must(s.Close())
		case 1:
			s.note("abort")
			s.must(s.Abort())
		default:
			panic(simulatedCrash{})
		}
	})
	if crashed {
		s.crash()
	}
	return way == 0 && !crashed
}

// crash is the death of the process: what was not synced may be lost, and of the
// tables some prefix is left that has at least what was flushed.
func (s *simulation) crash() {
	s.sim.Crash()
	old := s.fs
	s.fs = old.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: s.rng.IntN(101), RNG: s.rng})
	if s.memory != nil {
		unsaved := s.memory.Unsaved()
		keep := s.rng.IntN(unsaved + 1)
		s.note("crash, %d of %d batches of the tables are left", keep, unsaved)
		s.memory.Crash(keep)
		return
	}
	s.note("crash")
	if s.Journal != nil {
		s.must(s.tables.Close()) // its goroutines
	}
}

// start starts a process, which may die on the way.
func (s *simulation) start() {
	for {
		s.crashIn = 0
		if s.rng.IntN(3) == 0 {
			s.crashIn = 1 + s.rng.IntN(80)
		}
		s.Journal = nil
		if !s.guarded(s.reopen) {
			s.crashIn = 0
			return
		}
		if s.memory == nil && s.Journal == nil {
			s.Fatal("a crash in the middle of opening Pebble is not simulated")
		}
		s.crash()
	}
}

func (s *simulation) reopen() {
	s.current, s.meddling, s.steps = "start", false, map[string]func() bool{}
	env := *s.sim.Process(s.fs).Environment()
	env.Clock = simulatedClock{env.Clock, s}
	env.Dispatcher = simulatedDispatcher{env.Dispatcher, s}
	env.FS = errorfs.Wrap(s.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		s.diskEvent(op)
		return nil
	}))
	s.opts = Options{
		Environment: &env, Dir: testDir, KeyGroups: 4, Workers: 1 + s.rng.IntN(3),
		BatchBytes: 1 << (9 + s.rng.IntN(6)), LogBytes: 1 << (15 + s.rng.IntN(5)),
		MaterializeEvery: time.Duration(1+s.rng.IntN(100)) * time.Millisecond,
		Deliver:          s.deliver, Highest: s.highest,
		Room: func() { s.refused = false }, Egress: s.released,
		Synced: func(n BatchNumber) {
			if n != s.Durable() {
				s.fail("batch %d is synced, durable is %d", n, s.Durable())
			}
		},
		Stopped: func(err error) { s.fail("the journal has stopped: %v", err) },
	}
	s.opts.MaterializeBytes = s.opts.LogBytes / int64(1+s.rng.IntN(8))
	s.opts.OverlayBytes = 1 << (11 + s.rng.IntN(10))
	s.openTables()
	j, err := Open(s.opts)
	if err != nil {
		s.fail("open: %v", err)
	}
	s.Journal, s.current = j, ""
	s.recovered()
}

// openTables hands the tables to the journal through the simulation.
func (s *simulation) openTables() {
	if s.memory != nil {
		s.opts.Tables = &meddled{Tables: s.memory, before: s.tablesEvent, after: s.tablesEvent}
		return
	}
	p, err := tables.OpenPebble(tables.Options{FS: s.fs, Dir: testDir + "/tables", CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	s.must(err)
	s.Journal = &Journal{tables: p} // for crash to close
	s.opts.Tables = &meddled{Tables: p, before: s.tablesEvent, after: s.tablesEvent}
}

// recovered checks what the process has found, and goes on from there.
func (s *simulation) recovered() {
	n := BatchNumber(s.log.Last())
	s.note("recovered batch %d, acknowledged was %d, appended %d", n, s.acknowledged, s.batch)
	if n < s.acknowledged || n > s.batch {
		s.fail("batch %d is there, acknowledged was %d, appended %d", n, s.acknowledged, s.batch)
	}
	s.world = s.at(n).clone()
	s.batch, s.acknowledged, s.worlds = n, n, map[BatchNumber]*world{}
	s.pending, s.refused, s.elided = nil, false, 0
	if got := s.Recovered(); got < s.world.highest {
		s.fail("sequence %d is the highest recovered, %d was given out", got, s.world.highest)
	}
	s.workers, s.grains, s.resume = nil, map[functions.Address]*simulatedGrain{}, nil
	for range s.opts.Workers {
		s.workers = append(s.workers, &simulatedWorker{sequence: s.Recovered()})
	}
	s.resume, s.groups, s.from = recoveredInboxes(s.Journal), nil, nil
	for g := range s.opts.KeyGroups {
		if s.MayStore(KeyGroup(g)) {
			s.groups = append(s.groups, KeyGroup(g))
		}
	}
	s.Start()
	s.check()
}

// at returns the world as batch n left it.
func (s *simulation) at(n BatchNumber) *world {
	if n == s.batch {
		return s.world
	}
	w := s.worlds[n]
	if w == nil {
		s.fail("batch %d is not known, only %d", n, s.batch)
	}
	return w
}

// append appends transactions to a shard and to the model; false if there was no
// room.
func (s *simulation) append(shard *Shard, txs ...*Transaction) bool {
	numbers := make([]BatchNumber, len(txs))
	for i, tx := range txs {
		tx.Durable = append(tx.Durable, func() { s.acknowledge(numbers[i]) })
	}
	var err error
	if now := len(txs) == 1 && s.rng.IntN(8) == 0; now {
		err = shard.AppendNow(txs[0])
	} else {
		_, err = shard.Append(txs...)
	}
	if errors.Is(err, ErrFull) {
		s.refused = true
		return false
	}
	s.must(err)
	for i, tx := range txs {
		numbers[i] = s.Open()
		s.applied(tx)
	}
	return true
}

func (s *simulation) applied(tx *Transaction) {
	switch n := s.Open(); n {
	case s.batch:
	case s.batch + 1:
		s.worlds[s.batch] = s.world
		s.world, s.batch = s.world.clone(), n
	default:
		s.fail("batch %d follows %d", n, s.batch)
	}
	for i := range tx.Egress {
		if r := tx.Egress[i]; r.Sequence <= s.world.egress {
			s.fail("egress record %d after %d", r.Sequence, s.world.egress)
		}
		s.pending = append(s.pending, pendingEgress{s.batch, tx.Egress[i]})
	}
	for _, m := range tx.Sends {
		if m.Sequence <= s.world.highest && s.opts.Workers == 1 {
			s.fail("message %s after %d", messageText(m), s.world.highest)
		}
		s.note("batch %d sends %.80s", s.batch, messageText(m))
	}
	if r := tx.Record; r != nil {
		s.note("batch %d consumes %v of %s, skips to %d, %d cells, nudge %d", s.batch, sequences(tx.Messages), r.Address, tx.Skip, len(tx.Cells), tx.Nudge)
	}
	s.elided += s.world.apply(s.batch, tx)
}

func sequences(messages []*Message) (out []Sequence) {
	for _, m := range messages {
		out = append(out, m.Sequence)
	}
	return out
}

// acknowledge is told of each transaction once its batch is durable.
func (s *simulation) acknowledge(n BatchNumber) {
	if n == 0 || n != s.Durable() {
		s.fail("a transaction of batch %d is acknowledged, durable is %d", n, s.Durable())
	}
	s.acknowledged = n
	for old := range s.worlds {
		if old < n {
			delete(s.worlds, old)
		}
	}
}

func (s *simulation) released(records []EgressRecord) {
	for _, r := range records {
		if len(s.pending) == 0 || s.pending[0].batch != s.Durable() || fmt.Sprint(s.pending[0].record) != fmt.Sprint(r) {
			s.fail("batch %d has released %+v, expected first of %+v", s.Durable(), r, s.pending)
		}
		s.pending = s.pending[1:]
	}
}

func (s *simulation) highest() Sequence {
	highest := s.Recovered()
	for _, w := range s.workers {
		highest = max(highest, w.sequence)
	}
	return highest
}

func (s *simulation) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

func (s *simulation) dump() {
	last := 100
	if *seedFlag != 0 {
		last = len(s.trace)
	}
	for _, line := range s.trace[max(0, len(s.trace)-last):] {
		s.Log(line)
	}
}

func (s *simulation) fail(format string, args ...any) {
	s.Helper()
	s.dump()
	s.Fatalf("seed %d: "+format, append([]any{s.seed}, args...)...)
}

func (s *simulation) must(err error) {
	s.Helper()
	if err != nil {
		s.fail("%v", err)
	}
}
