package actors

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence"
	"github.com/statefun-go/statefun/persistence/environment"
)

// The life of the simulated node's processes.

func (s *simulation) start() {
	s.process = s.sim.Process(s.disk.files)
	s.alone, s.preemptible, s.released = 0, false, map[string]bool{}
	env := *s.process.Environment()
	env.FS = s.disk.of(s.process)
	env.Dispatcher = delayingDispatcher{env.Dispatcher, s, s.process}
	env.Clock = preemptingClock{env.Clock, s, s.process}
	e, err := Open(s.options(&env))
	if err == nil {
		err = e.Start()
	}
	if err != nil {
		s.fail("start: %v", err)
	}
	s.engine = e
	s.recovered()
}

func (s *simulation) options(env *environment.Environment) Options {
	process := s.process
	machine := &programs.Machine{
		Book: s.book, Sleep: process.Sleep, Exit: process.Exit,
		Now:    s.now,
		Latest: func() int64 { s.now(); return s.latest },
		Began:  func(p *programs.Program, attempt int) { s.note("program %d at %s, attempt %d", p.U, p.ID, attempt) },
		Broken: func(err error) { s.broken = append(s.broken, err) },
	}
	fns, remotes := programs.Functions(machine), []Remote(nil)
	if s.remotely {
		fns, remotes = nil, []Remote{{
			Functions: "sim/*", Caller: newUnreliable(s, process), MaxNumBatchRequests: s.rng.IntN(20), MaxInFlight: 1 + s.rng.IntN(5), MaxBatchBytes: 1 << (8 + s.rng.IntN(8)),
		}}
	}
	return Options{
		Environment: env, Functions: append(fns, s.scratch.function(machine)), Remotes: remotes,
		Egresses: map[functions.TypeName]Sink{programs.Egress: s.sink},
		Logger:   slog.New(slog.DiscardHandler), system: s.system,
		Workers: 1 + s.rng.IntN(3), KeyGroups: s.groups, LiveGrains: 1 + s.rng.IntN(12), MaxBlocking: 1 + s.rng.IntN(3),
		window:     window{messages: 1 + s.rng.IntN(6), bytes: 1 << (9 + s.rng.IntN(6))},
		nearTimers: 1 + s.rng.IntN(8), egressWindow: 1 + s.rng.IntN(40),
		IdleAfter: time.Duration(50+s.rng.IntN(3000)) * time.Millisecond, FirstBackoff: time.Millisecond << s.rng.IntN(4), LastBackoff: 100 * time.Millisecond,
		MaxAttempts: 50, UncleanStarts: 1 + s.rng.IntN(6), IdempotencyKept: 20 * 365 * 24 * time.Hour,
		Journal: persistence.Options{
			Dir: "/data", Tables: s.disk.open(), BatchBytes: 1 << (8 + s.rng.IntN(8)), LogBytes: 1 << (12 + s.rng.IntN(7)),
			MaterializeEvery: time.Duration(1+s.rng.IntN(200)) * time.Millisecond,
		},
	}
}

// recovered checks what the process has found, and brings back what was under
// way outside.
func (s *simulation) recovered() {
	s.source.resume(s)
	s.checkAll()
	for _, r := range s.requests {
		if r.answer == nil {
			s.post(r)
		}
	}
}

// crash ends the process: what was not synced may be lost, and of the tables
// some flushed prefix is left.
func (s *simulation) crash() {
	s.crashes++
	for range s.rng.IntN(500) { // half of the crashes meet a batch that is being synced
		if s.disk.syncing || s.engine == nil || !s.sim.Step() {
			break
		}
	}
	s.note("crash")
	s.leave()
	s.disk.crash(max(0, s.rng.IntN(150)-50))
	s.start()
}

// stop closes the engine, if it comes to a moment in which nobody is left behind.
func (s *simulation) stop() {
	e := s.engine
	for n := 0; s.alone+s.process.Asleep() > 0 || e.alone.Load()+e.asyncRunning.Load() > 0; n++ {
		if n > 2000 || s.engine != e || !s.sim.Step() {
			return
		}
		s.watch()
	}
	s.note("stop")
	s.stops++
	err := e.Close()
	s.disk.pebble = nil
	if s.disk.failed {
		s.crash()
		return
	} else if err != nil {
		s.fail("close: %v", err)
	}
	s.leave()
	s.disk.close()
	s.start()
}

// leave forgets the process.
func (s *simulation) leave() {
	s.messages += s.engine.journal.Metrics().MessagesSent
	s.sim.Crash()
	for _, w := range s.engine.workers {
		for _, g := range w.directory.all {
			s.system.ProcessRegistry.Remove(g.mailbox.invoker.(actor.Context).Self())
		}
	}
	for _, r := range s.requests {
		r.waits = nil
	}
	s.engine = nil
}

func (s *simulation) end() {
	if s.engine != nil {
		s.leave()
		s.disk.end()
	}
}
