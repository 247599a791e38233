package persistence

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/persistence/environment"
)

// event is any moment in which the journal writes or reaches for the world.
// There the process may die; and, where may is true, others may do something
// meanwhile.
func (s *simulation) event(may bool) {
	if s.current == "" {
		return // a read
	}
	if s.crashIn > 0 {
		if s.crashIn--; s.crashIn == 0 {
			s.note("the process dies in %q", s.current)
			panic(simulatedCrash{})
		}
	}
	if may && !s.meddling && !s.calm && s.current != "start" && s.current != "end" && s.rng.IntN(3) == 0 {
		s.meddle()
	}
}

// meddle does what another goroutine might do now.
func (s *simulation) meddle() {
	if !s.inboxes.mu.TryLock() {
		return
	}
	s.inboxes.mu.Unlock()
	if !s.overlay.mu.TryLock() {
		return
	}
	s.overlay.mu.Unlock()
	s.meddling = true
	defer func(was string) { s.meddling, s.current = false, was }(s.current)
	for range 1 + s.rng.IntN(4) {
		for _, task := range []string{"commit", "materialize"} {
			if s.current != task && s.rng.IntN(2) == 0 && s.current != "spill" {
				s.steps[task]()
			}
		}
		if s.current != "spill" {
			s.act()
		}
	}
	if s.current == "spill" {
		for _, task := range []string{"commit", "commit", "materialize"} {
			s.materializer.due.Store(true)
			s.steps[task]()
		}
	}
}

func (s *simulation) diskEvent(op errorfs.Op) {
	if strings.HasPrefix(op.Path, logDir) {
		s.event(false)
	}
}

func (s *simulation) tablesEvent(operation string, _ []byte) {
	s.event(operation == "apply" || operation == "flush")
}

type simulatedClock struct {
	environment.Clock
	s *simulation
}

func (c simulatedClock) Now() time.Time {
	c.s.event(true)
	return c.Clock.Now()
}

type simulatedDispatcher struct {
	environment.Dispatcher
	s *simulation
}

func (d simulatedDispatcher) Start(name string, step func() bool) environment.Task {
	s := d.s
	named := func() bool {
		defer func(was string) { s.current = was }(s.current)
		s.current = name
		return step()
	}
	s.steps[name] = named
	return d.Dispatcher.Start(name, named)
}

// check compares what reads show with the newest durable batch.
func (s *simulation) check() {
	w := s.at(s.Durable())
	for _, a := range s.addresses {
		l, err := s.Load(NewRecord(a, s.Group(a.ID)))
		s.must(err)
		if d := w.differs(a, l); d != "" {
			s.fail("as of batch %d: %s", s.Durable(), d)
		}
	}
	for range 10 {
		k := s.key(append(s.addresses, functions.Address{})[s.rng.IntN(len(s.addresses)+1)])
		v, ok, err := s.Get(k)
		s.must(err)
		if want, wantOK := w.rows[string(k)]; (ok != wantOK || ok && string(v) != want) && !w.cleared[string(k)] {
			s.fail("as of batch %d: row %x is %q %t, expected %q %t", s.Durable(), k, v, ok, want, wantOK)
		}
	}
	for g := range KeyGroup(s.opts.KeyGroups) {
		s.checkScan(w, TimerRange(g))
		s.checkScan(w, AddressesRange(g))
		s.checkAddresses(w, g)
	}
	s.checkScan(w, EgressRange(emails))
	s.checkScan(w, PrefixRange(MetaKey("position ")))
}

// checkScan reads a range in pages of some size.
func (s *simulation) checkScan(w *world, r KeyRange) {
	limit := 1 + s.rng.IntN(10)
	var got []string
	for rest := r; rest.Low != nil; {
		rows, next, err := s.Scan(rest, limit)
		s.must(err)
		for _, row := range rows {
			if !w.cleared[string(row.Key)] && !isRecordKey(row.Key) { // records are not rows
				got = append(got, fmt.Sprintf("%x=%.40q", row.Key, row.Value))
			}
		}
		rest.Low = next
	}
	if want := w.inRange(r); !slices.Equal(got, want) {
		s.fail("as of batch %d: %x holds\n%s\nexpected\n%s", s.Durable(), r.Low, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (s *simulation) checkAddresses(w *world, g KeyGroup) {
	got := map[functions.Address]bool{}
	for _, a := range addresses(s, s.Journal, g) {
		got[a] = true
	}
	want := w.alive()
	maps.DeleteFunc(want, func(a functions.Address, _ bool) bool { return s.Group(a.ID) != g })
	if !maps.Equal(got, want) {
		s.fail("as of batch %d: the addresses are %v, expected %v", s.Durable(), got, want)
	}
}

// settle lets everything be done: nothing new comes, and all messages are
// consumed.
func (s *simulation) settle() {
	s.note("settle")
	s.crashIn = 0
	for round := 0; !s.idle(); round++ {
		if round > 5000 {
			s.fail("it does not come to rest: %+v", s.grains)
		}
		for _, w := range s.workers {
			s.work(w)
		}
		s.resumeNext()
		for _, a := range s.addresses {
			g := s.grains[a]
			if g != nil && g.status == ready && len(g.head) > 0 {
				if tx := s.consumeOnly(g); s.append(s.shard(a), tx) {
					g.head = g.head[len(tx.Messages):]
				}
				continue
			}
			s.advance(a)
		}
		s.sim.Advance(time.Millisecond)
	}
	s.sim.Advance(10 * time.Millisecond)
	for a, messages := range s.world.inbox {
		if len(messages) > 0 {
			s.fail("%d messages for %s never came, the first is %s", len(messages), a, messages[0].text)
		}
	}
	if s.refused || s.logFull.Load() || s.overlayFull.Load() {
		s.fail("appends wait: refused %t, the log is full %t, the overlay %t", s.refused, s.logFull.Load(), s.overlayFull.Load())
	}
	if len(s.pending) > 0 || s.acknowledged != s.batch || s.Durable() != s.batch {
		s.fail("batch %d is acknowledged, %d durable, %d appended, %d egress records were not released", s.acknowledged, s.Durable(), s.batch, len(s.pending))
	}
	if n := s.Metrics().MessagesElided; n != uint64(s.elided) {
		s.fail("%d messages were elided, expected %d", n, s.elided)
	}
}

func (s *simulation) consumeOnly(g *simulatedGrain) *Transaction {
	tx := s.consume(g, len(g.head))
	return &Transaction{Record: g.record, Messages: tx.Messages, Cells: g.cells}
}

func (s *simulation) idle() bool {
	for _, w := range s.workers {
		if len(w.queue) > 0 {
			return false
		}
	}
	return len(s.grains)+len(s.resume)+len(s.groups) == 0
}

// empty removes all that is left. Then the tables have nothing any more, and the
// journal remembers nothing.
func (s *simulation) empty() {
	s.note("empty")
	for _, a := range s.addresses {
		for !s.purge(a) {
			s.advance(a)
			s.sim.Advance(time.Millisecond)
		}
	}
	tx := &Transaction{}
	for k := range s.world.rows {
		tx.Rows = append(tx.Rows, Row{Key: []byte(k), Delete: true})
	}
	for !s.append(s.Outside(), tx) {
		s.sim.Advance(time.Millisecond)
	}
	last := []byte("last")
	for _, remove := range []bool{false, false, true} {
		for !s.append(s.Outside(), &Transaction{Rows: []Row{{Key: last, Delete: remove}}}) {
			s.sim.Advance(time.Millisecond)
		}
		s.sim.Advance(2 * s.opts.MaterializeEvery)
	}
	var left []string
	s.must(s.tables.Scan(nil, nil, func(k, _ []byte) bool {
		if !bytes.Equal(k, markerKey) {
			left = append(left, fmt.Sprintf("%x", k))
		}
		return true
	}))
	in := &s.inboxes
	if waiting := held(in.waiting, s.Durable()); len(left)+len(waiting)+len(in.windows)+len(in.tracked)+in.recovered.left+len(in.adopted) > 0 {
		s.fail("the tables have %v, the inboxes hold %v, windows %v, tracked %v, recovered %v", left, waiting, in.windows, in.tracked, in.recovered.left)
	}
}
