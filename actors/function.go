package actors

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence"
)

// function is a registered function type.
type function struct {
	*functions.Function
	states      atomic.Pointer[[]*state] // grows by dynamic registration
	deadline    time.Duration
	maxAttempts int
	metrics     functionMetrics
	native      func(*invocation, *persistence.Message) error // a function of the runtime's own

	// slow counts up when an invocation had to be taken off its worker. While it
	// is positive the function runs on the pool; fast runs there count it down.
	slow       atomic.Int32
	sluggish   atomic.Int32
	sluggishAt atomic.Int64
}

// state is a declared state with its number in the journal. Its place in the
// list is its place in a grain's cells.
type state struct {
	spec *functions.StateSpec
	*persistence.Spec
}

func newFunction(f *functions.Function, o *Options) *function {
	fn := &function{
		Function:    f,
		deadline:    cmp.Or(f.Deadline, o.Deadline),
		maxAttempts: cmp.Or(f.MaxAttempts, o.MaxAttempts),
	}
	fn.states.Store(&[]*state{})
	return fn
}

// newMissing stands in for function types that do not exist (any more), so that
// their messages end in quarantine and their state stays.
func newMissing(o *Options) *function {
	f := newFunction(&functions.Function{}, o)
	f.native = func(_ *invocation, m *persistence.Message) error {
		return functions.Permanent(unknownFunction(m.Target.Type))
	}
	return f
}

// place returns where a state's cell is, -1 if it was not declared. Handles
// declare their spec once, so the pointer decides nearly always.
func (f *function) place(spec *functions.StateSpec) int {
	states := *f.states.Load()
	for i, s := range states {
		if s.spec == spec {
			return i
		}
	}
	return slices.IndexFunc(states, func(s *state) bool {
		return s.Name == spec.Name && s.Kind == spec.Kind && s.Type == spec.Type
	})
}

func (f *function) placeOf(id persistence.SpecID) int {
	return slices.IndexFunc(*f.states.Load(), func(s *state) bool { return s.ID == id })
}

// declare adds a state unless it is known. Concurrent calls are serialised by
// the engine.
func (f *function) declare(j *persistence.Journal, spec *functions.StateSpec) error {
	known, err := j.Spec(f.Type, spec)
	if err != nil {
		return err
	}
	states := *f.states.Load()
	if f.placeOf(known.ID) >= 0 {
		return nil
	}
	states = append(slices.Clip(states), &state{spec, known})
	f.states.Store(&states)
	return nil
}

// blocking says whether the function is to run off the workers.
func (f *function) blocking() bool { return f.Blocking || f.slow.Load() > 0 }

const (
	fastRunsBack = 8 // fast runs on the pool that earn the worker back
	sluggishRuns = 3 // so near to each other are no accident
	sluggishNear = int64(time.Second / time.Millisecond)
)

// noteSlow is told that the function held its worker up.
func (f *function) noteSlow() { f.slow.Store(fastRunsBack) }

// noteSluggish is told that a run took some milliseconds, which may be the
// operating system's doing.
func (f *function) noteSluggish(now int64) {
	if last := f.sluggishAt.Swap(now); now-last > sluggishNear {
		f.sluggish.Store(0)
	}
	if f.sluggish.Add(1) >= sluggishRuns {
		f.sluggish.Store(0)
		f.noteSlow()
	}
}

// noteRun is told how long a run on the pool took.
func (f *function) noteRun(took time.Duration) {
	switch {
	case f.Blocking:
	case took > time.Millisecond:
		f.slow.Store(fastRunsBack)
	case f.slow.Load() > 0:
		f.slow.Add(-1)
	}
}

// functionMetrics are totals since the start.
type functionMetrics struct {
	in, outLocal, outEgress, failures, quarantined atomic.Uint64
}
