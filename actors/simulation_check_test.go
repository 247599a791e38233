package actors

import (
	"errors"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence"
)

// What must hold at any moment, and in the end.

// watch is what the outside does after each step.
func (s *simulation) watch() {
	s.answered()
	if s.steps%64 == 0 {
		ids := s.gen.All()
		s.check(ids[int(s.steps/64)%len(ids)])
	}
	if s.steps%16 == 0 {
		s.again()
	}
	switch err := s.failure(); {
	case len(s.broken) > 0:
		s.fail("%v", s.broken)
	case s.sink.broken != nil:
		s.fail("%v", s.sink.broken)
	case err != nil && !s.disk.failed:
		s.fail("the node failed: %v", err)
	case err != nil:
		s.note("the node stops: %v", err)
		s.crash()
	}
}

// again sends what was refused.
func (s *simulation) again() {
	s.source.append(s)
	for _, r := range s.requests {
		if r.answer == nil && r.waits == nil {
			s.post(r)
		}
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

// observe returns what is durable of an id.
func (s *simulation) observe(id string) *programs.World {
	w := programs.NewWorld()
	states, err := s.engine.State(programs.Address(id))
	s.must(err)
	for i := range states {
		st := &states[i]
		v := int64(0)
		if st.Type == functions.Int64.Name() && st.Kind == "value" {
			v, err = functions.Int64.Decode(st.Value)
			s.must(err)
		}
		switch st.Name {
		case "sum":
			w.Sum[id] = v
		case "async":
			w.Async[id] = v
		case "emits":
			w.Emitted[id] = int(v)
		case "list":
			w.List[id] = st.Size
		}
	}
	return w
}

// check compares what is durable of an id with the model, which has more, and
// with what was seen durable before, which was not more.
func (s *simulation) check(id string) {
	w := s.observe(id)
	if d := s.model.Above(w, id); d != "" {
		s.fail("%s", d)
	}
	if d := w.Above(s.floor, id); d != "" {
		s.fail("what was durable is lost: %s", d)
	}
	s.floor.Copy(w, id)
}

// checkAll compares all that is durable: with the model, and with itself.
func (s *simulation) checkAll() {
	for _, id := range s.gen.All() {
		s.check(id)
		if s.remotely {
			s.checkRemoteCausality(id)
			continue
		}
		s.checkTouched(id)
		s.checkCausality(id)
	}
}

// checkCausality: in every prefix of the journal, nobody has received more than
// was sent.
func (s *simulation) checkCausality(id string) {
	for _, e := range s.entries(id, "got") {
		if e.Key == "source" {
			if n, _ := functions.Int64.Decode(e.Value); n > int64(s.source.sent[id]) {
				s.fail("%s has got %d messages from the source, which sent %d", id, n, s.source.sent[id])
			}
			continue
		}
		got, err := functions.Int64.Decode(e.Value)
		s.must(err)
		sent := int64(0)
		for _, to := range s.entries(e.Key, "sent") {
			if to.Key == id {
				sent, err = functions.Int64.Decode(to.Value)
				s.must(err)
			}
		}
		if got > sent {
			s.fail("%s has got %d messages from %s, which has sent %d", id, got, e.Key, sent)
		}
	}
}

// entries returns the durable content of a state.
func (s *simulation) entries(id, name string) (out []StateEntry) {
	_, err := s.engine.StateEntries(programs.Address(id), name, func(e StateEntry) bool {
		out = append(out, StateEntry{e.Key, slices.Clone(e.Value)})
		return true
	})
	if err != nil && !errors.Is(err, ErrNoState) {
		s.fail("%v", err)
	}
	return out
}

// checkTouched compares the states of all kinds with their shadow.
func (s *simulation) checkTouched(id string) {
	f := programs.Found{Now: s.now(), Latest: s.latest, Table: map[string]int64{}}
	number := func(b []byte) int64 {
		v, err := functions.Int64.Decode(b)
		s.must(err)
		return v
	}
	for _, e := range s.entries(id, "table") {
		f.Table[e.Key] = number(e.Value)
	}
	for _, e := range s.entries(id, "queue") {
		f.Queue = append(f.Queue, number(e.Value))
	}
	for _, e := range s.entries(id, "recent") {
		f.Recent = append(f.Recent, number(e.Value))
	}
	for _, e := range s.entries(id, "lease") {
		f.Lease = number(e.Value)
	}
	for _, e := range s.entries(id, "blob") {
		f.Blob = e.Value
	}
	var shadow []byte
	for _, e := range s.entries(id, "shadow") {
		shadow = e.Value
	}
	if err := f.Check(shadow); err != nil {
		s.fail("%s: %v", id, err)
	}
}

// settle lets everything be done, in any order, and then looks whether all of it
// was, once.
func (s *simulation) settle() {
	s.note("settle")
	s.disk.failing, s.disk.slow, s.trouble = false, 0, 0
	s.now()
	if behind := s.latest - s.now(); behind > 0 {
		s.setClock(time.Duration(behind) * time.Millisecond)
	}
	for round := 0; !s.settled(); round++ {
		if round > 200 {
			s.fail("it does not come to rest:\n%s\n%s", s.unanswered(), s.model.Diff(s.world()))
		}
		s.advance(50 * time.Millisecond)
		s.release()
	}
	s.advance(1200 * time.Millisecond) // whatever is still to come is too much, but for what is dropped
	for round := 0; round == 0 || s.engine.quarantined.count.Load() > 0 && round < 50; round++ {
		s.release() // as many as a batch has room for
		s.advance(50 * time.Millisecond)
	}
	if !s.settled() {
		s.fail("it did not stay at rest:\n%s\n%s", s.unanswered(), s.model.Diff(s.world()))
	}
	s.checkAll()
	s.checkLeft()
	s.scratch.empty(s)
}

func (s *simulation) settled() bool {
	return s.source.position == len(s.source.programs) && s.unanswered() == "" &&
		len(s.sink.records) == s.emitted() && s.model.Diff(s.world()) == ""
}

func (s *simulation) unanswered() (keys string) {
	for _, r := range s.requests {
		if r.answer == nil {
			keys += " " + r.key
		}
	}
	return keys
}

// emitted is how many records the model expects.
func (s *simulation) emitted() (n int) {
	for _, k := range s.model.Emitted {
		n += k
	}
	return n
}

// world is all that is durable, but of egress what has left.
func (s *simulation) world() *programs.World {
	w := programs.NewWorld()
	for _, id := range s.gen.All() {
		w.Copy(s.observe(id), id)
		w.Emitted[id] = s.sink.counts[id]
	}
	return w
}

// checkLeft looks for what is to be gone at rest: quarantined messages, timers,
// asynchronous work, states that have expired.
func (s *simulation) checkLeft() {
	e := s.engine
	if n := e.quarantined.count.Load(); n != 0 {
		s.fail("%d messages are counted in quarantine", n)
	}
	for g := range persistence.KeyGroup(e.opts.KeyGroups) {
		s.must(e.journal.ScanAll(persistence.AsyncRange(g), func(r persistence.Row) bool {
			s.fail("asynchronous work is left: %x", r.Key)
			return false
		}))
		s.must(e.journal.ScanAll(persistence.TimerRange(g), func(r persistence.Row) bool {
			t, err := decodeTimer(r, nil)
			s.must(err)
			if t.message.Caller.Type != scratchType && t.message.Type != nudgeType {
				s.fail("a timer is left: %+v", t.message)
			}
			return true
		}))
	}
	for _, id := range s.gen.All() {
		a := programs.Address(id)
		l, err := e.journal.Load(persistence.NewRecord(a, e.journal.Group(a.ID)))
		s.must(err)
		for _, c := range l.Cells {
			if c.Expires != 0 && c.Expires < s.now()-1500 {
				s.fail("state %d of %s has expired at %d and is still there at %d", c.Spec, a, c.Expires, s.now())
			}
		}
	}
}

// dump logs what still waits.
func (s *simulation) dump() {
	e := s.engine
	if e == nil {
		return
	}
	for i, w := range e.workers {
		s.Logf("worker %d: messages %d/%d events %d staged %d resume %d toLoad %d", i,
			w.next, len(w.messages), len(w.events), len(w.staged), len(w.resume.found), len(w.toLoad))
		w.directory.live(func(g *grain) {
			s.Logf("  %s: status %d (%s) head %d stored %v tail %d attempts %d", g.address(), g.status, g.reason,
				len(g.inbox.head)-g.inbox.first, g.inbox.stored, len(g.inbox.tail), g.attempts)
		})
		for kg, g := range w.timers.groups {
			if g.near.Len() > 0 || g.horizonDue != noHorizon {
				s.Logf("  timers %d: near %d horizon %d reading %v settled %v after %d", kg, g.near.Len(), g.horizonDue, g.reading, g.settled, g.after)
			}
		}
	}
	s.Logf("durable %d open %d", e.journal.Durable(), e.journal.Open())
}
