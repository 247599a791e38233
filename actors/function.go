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
	states       atomic.Pointer[[]*state] // grows by dynamic registration
	deadline     time.Duration
	maxAttempts  int
	metrics      functionMetrics
	noted        totals                                        // at the last step of rates
	history      *history                                      // of them
	remote       *remote                                       // where it is called, nil: here
	server       *server                                       // that is called there
	introduction introduction                                  // to it
	native       func(*invocation, *persistence.Message) error // a function of the runtime's own

	// Milliseconds since 1970, and counts, about holding workers up.
	slowUntil, penalty      atomic.Int64
	sluggish, sluggishSince atomic.Int64
	slow, slowSince         atomic.Int64 // addresses
}

// enough is how many messages are read from disk at a time; few are enough where they
// wait until a server is asked.
func (f *function) enough(few int) int {
	if f.remote != nil {
		return few
	}
	return readMessages
}

// state is a declared state with its number in the journal. Its place in the
// list is its place in a grain's cells.
type state struct {
	spec *functions.StateSpec
	*persistence.Spec
	// dormant says that a former run declared it and this one has not yet.
	dormant bool
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
		return !s.dormant && s.Name == spec.Name && s.Kind == spec.Kind && s.Type == spec.Type
	})
}

func (f *function) placeOf(id persistence.SpecID) int {
	return slices.IndexFunc(*f.states.Load(), func(s *state) bool { return s.ID == id })
}

// declare adds a state, or wakes it up, unless it is known. Concurrent calls are
// serialised by the engine.
func (f *function) declare(j *persistence.Journal, spec *functions.StateSpec) error {
	known, err := j.Spec(f.Type, spec)
	if err != nil {
		return err
	}
	states := slices.Clone(*f.states.Load())
	declared := &state{spec: spec, Spec: known}
	switch i := f.placeOf(known.ID); {
	case i < 0:
		states = append(states, declared)
	case states[i].dormant:
		states[i] = declared
	}
	f.states.Store(&states)
	return nil
}

// remember adds the states that former runs have declared, so that every cell
// of a record has its place.
func (f *function) remember(known []*persistence.Spec) {
	states := slices.Clone(*f.states.Load())
	for _, s := range known {
		states = append(states, &state{spec: &s.StateSpec, Spec: s, dormant: true})
	}
	f.states.Store(&states)
}

// blocking says whether the function is to run off the workers now. A clock that
// was set back does not make it longer.
func (f *function) blocking(now int64) bool {
	if f.Blocking {
		return true
	}
	until := f.slowUntil.Load()
	return now < until && until-now <= lastPenalty
}

// A function that held its worker up runs on the pool for a while, then it is
// given the worker again; if it is still slow, for twice as long.
const (
	firstPenalty = int64(time.Second / time.Millisecond)
	lastPenalty  = int64(time.Minute / time.Millisecond)
	sluggishRuns = 100 // within a second: no accident of the operating system's
)

// noteSlow is told that the function holds workers up.
func (f *function) noteSlow(now int64) {
	penalty := firstPenalty
	if was := f.penalty.Load(); now < f.slowUntil.Load()+was {
		penalty = min(2*was, lastPenalty)
	}
	f.penalty.Store(penalty)
	f.slowUntil.Store(now + penalty)
}

// noteSlowAddress is told that one of its addresses was found slow. Where it is
// several within a second, it is the function.
func (f *function) noteSlowAddress(now int64) {
	if since := f.slowSince.Load(); now-since > firstPenalty || now < since {
		f.slowSince.Store(now)
		f.slow.Store(0)
	}
	if f.slow.Add(1) >= slowTogether {
		f.slow.Store(0)
		f.noteSlow(now)
	}
}

// noteSluggish is told that a run took some milliseconds, which on a busy machine
// may be the operating system's doing. Only many of them tell.
func (f *function) noteSluggish(now int64) {
	if since := f.sluggishSince.Load(); now-since > firstPenalty || now < since {
		f.sluggishSince.Store(now)
		f.sluggish.Store(0)
	}
	if f.sluggish.Add(1) >= sluggishRuns {
		f.sluggish.Store(0)
		f.noteSlow(now)
	}
}

// functionMetrics are totals since the start.
type functionMetrics struct {
	in, outLocal, outEgress, failures, quarantined atomic.Uint64

	async atomic.Int64 // work under way
	requestMetrics
}
