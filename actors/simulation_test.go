package actors

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
	"github.com/statefun-go/statefun/persistence/tables"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "replay this seed alone")
	seedsFlag = flag.Int("seeds", 2000, "number of seeds to simulate")
)

// TestSimulation runs random programs on a node in which one goroutine does
// everything, crashing it at random moments, and compares the outcome with a
// model. A seed decides it all: -seed N runs it again.
func TestSimulation(t *testing.T) {
	if *seedFlag != 0 {
		simulate(t, *seedFlag)
		return
	}
	n := *seedsFlag
	if testing.Short() {
		n = min(n, 50)
	}
	for seed := uint64(1); seed <= uint64(n); seed++ {
		simulate(t, seed)
		if t.Failed() {
			return
		}
	}
}

// simulation is one seed's run.
type simulation struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	sim    *environment.Simulation
	fs     *vfs.MemFS
	tables *tables.Memory
	engine *Engine
	sink   *memorySink

	model   *programs.World
	pending map[string][]byte // requests by idempotency key, until acknowledged
	ids     int
	crashes int
}

func simulate(t *testing.T, seed uint64) {
	t.Helper()
	s := &simulation{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), fs: vfs.NewCrashableMem(),
		tables: tables.NewMemory(true), model: programs.NewWorld(), pending: map[string][]byte{}, sink: &memorySink{},
	}
	s.ids = 2 + s.rng.IntN(10)
	s.sim = environment.Seeded(seed, s.fs)
	s.start(s.sim.Environment())
	gen := &programs.Generator{Rand: s.rng, IDs: s.ids}
	for range 5 + s.rng.IntN(20) {
		p := gen.Program(gen.ID(), "", 3)
		s.model.Apply(p)
		s.send(p)
		for range s.rng.IntN(300) {
			s.sim.Step()
		}
		if s.rng.IntN(5) == 0 {
			s.crash()
		}
	}
	s.settle()
	s.check()
	if err := s.engine.system; err != nil {
		s.engine.system.Shutdown()
	}
}

func (s *simulation) start(env *environment.Environment) {
	e, err := Open(Options{
		Environment: env, Functions: []*functions.Function{programs.Function()},
		Egresses: map[functions.TypeName]Sink{programs.Egress: s.sink},
		Logger:   slog.New(slog.DiscardHandler),
		window:   window{messages: 1 + s.rng.IntN(6)},
		Workers:  1 + s.rng.IntN(3), KeyGroups: 8, LiveGrains: 1 + s.rng.IntN(8), IdleAfter: 50 * time.Millisecond,
		Journal: persistence.Options{
			Dir: "/data", Tables: s.tables, BatchBytes: 1 << (8 + s.rng.IntN(8)), LogBytes: 1 << (12 + s.rng.IntN(6)),
			MaterializeEvery: time.Duration(1+s.rng.IntN(100)) * time.Millisecond,
		},
	})
	if err == nil {
		err = e.Start()
	}
	if err != nil {
		s.t.Fatalf("seed %d: start after %d crashes: %v", s.seed, s.crashes, err)
	}
	s.engine = e
	for key := range s.pending {
		s.post(key)
	}
}

func (s *simulation) send(p *programs.Program) {
	key := fmt.Sprintf("key%d", len(s.pending)+s.rng.IntN(1<<30))
	request, err := json.Marshal(onceRequest{Target: programs.Type.At(p.ID), Type: programs.MessageType, Value: p.Encode()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pending[key] = request
	s.post(key)
}

// post sends a request until it is acknowledged.
func (s *simulation) post(key string) {
	e := s.engine
	tx := &persistence.Transaction{
		Sends: []*persistence.Message{{
			Target: functions.Address{Type: onceType, ID: key}, Caller: functions.Address{Type: replyType, ID: "driver"},
			Type: onceRequestType, Value: s.pending[key],
		}},
		Durable: []func(){func() { delete(s.pending, key) }},
	}
	if _, err := e.journal.Outside().Append(tx); err != nil {
		e.env.Clock.AfterFunc(time.Millisecond, func() {
			if s.engine == e {
				s.post(key)
			}
		})
	}
}

// crash ends the process: what was not synced may be lost, and of the tables
// some flushed prefix is left.
func (s *simulation) crash() {
	s.crashes++
	s.engine.system.Shutdown()
	s.sim.Crash()
	s.fs = s.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: s.rng.IntN(101), RNG: s.rng})
	s.tables.Crash(s.rng.IntN(s.tables.Unsaved() + 1))
	s.sink.crash()
	s.start(s.sim.Process(s.fs).Environment())
}

// settle runs until nothing but the timers of an hour is left.
func (s *simulation) settle() {
	for range 30 {
		s.sim.Advance(100 * time.Millisecond)
		if err := s.failure(); err != nil {
			s.t.Fatalf("seed %d: the node failed: %v", s.seed, err)
		}
	}
	if len(s.pending) > 0 {
		s.t.Fatalf("seed %d: %d requests were never acknowledged", s.seed, len(s.pending))
	}
}

func (s *simulation) failure() error {
	select {
	case err := <-s.engine.Failed():
		return err
	default:
		return nil
	}
}

func (s *simulation) check() {
	got, err := observe(s.engine, s.ids)
	if err != nil {
		s.t.Fatalf("seed %d: %v", s.seed, err)
	}
	for _, id := range s.sink.safe {
		got.Emitted[id]++
	}
	var quarantined []string
	if err := s.engine.Quarantine(func(q Quarantined) bool {
		quarantined = append(quarantined, q.Error)
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	if s.model.Diff(got) != "" {
		s.dump()
	}
	if d := s.model.Diff(got); d != "" || len(quarantined) > 0 {
		s.t.Fatalf("seed %d, %d crashes:\n%s\nquarantined: %v", s.seed, s.crashes, d, quarantined)
	}
}

// memorySink is an exactly-once sink whose unsafe tail a crash forgets.
type memorySink struct {
	safe []string
}

func (m *memorySink) Open(position []byte) error {
	n := uint64(0)
	if position != nil {
		n = binary.BigEndian.Uint64(position)
	}
	if n > uint64(len(m.safe)) {
		return fmt.Errorf("position %d, but only %d records are here", n, len(m.safe))
	}
	m.safe = m.safe[:n]
	return nil
}

func (m *memorySink) Deliver(_ context.Context, records []persistence.EgressRecord) ([]byte, error) {
	for _, r := range records {
		id, err := functions.String.Decode(r.Value)
		if err != nil {
			return nil, err
		}
		m.safe = append(m.safe, id)
	}
	return binary.BigEndian.AppendUint64(nil, uint64(len(m.safe))), nil
}

func (*memorySink) Close() error { return nil }
func (*memorySink) crash()       {}

// dump logs what still waits.
func (s *simulation) dump() {
	e := s.engine
	for i, w := range e.workers {
		s.t.Logf("worker %d: queue %d messages %d/%d events %d staged %d resume %d toLoad %d", i, len(w.queue.messages),
			w.next, len(w.messages), len(w.events), len(w.staged), len(w.resume.found), len(w.toLoad))
		w.directory.live(func(g *grain) {
			s.t.Logf("  %s: status %d (%s) head %d stored %v tail %d attempts %d", g.address(), g.status, g.reason,
				len(g.inbox.head)-g.inbox.first, g.inbox.stored, len(g.inbox.tail), g.attempts)
		})
		for kg, g := range w.timers.groups {
			if g.near.Len() > 0 || g.horizonDue != noHorizon {
				s.t.Logf("  timers %d: near %d horizon %d reading %v settled %v after %d", kg, g.near.Len(), g.horizonDue, g.reading, g.settled, g.after)
			}
		}
	}
	s.t.Logf("durable %d open %d waiting %d recovered %d windows %d chunks %d", e.journal.Durable(), e.journal.Open(), 0, 0, 0, 0)
}

// observe reads the world out of a node.
func observe(e *Engine, ids int) (*programs.World, error) {
	w := programs.NewWorld()
	for i := range ids {
		id := fmt.Sprintf("id%d", i)
		states, err := e.State(programs.Type.At(id))
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			v, _ := functions.Int64.Decode(s.Value)
			switch s.Name {
			case "sum":
				w.Sum[id] = v
			case "async":
				w.Async[id] = v
			case "list":
				w.List[id] = s.Size
			}
		}
	}
	return w, nil
}
