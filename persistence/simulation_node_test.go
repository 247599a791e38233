package persistence

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// The simplified node: its workers, and its grains with an inbox each, use the
// journal as package actors does.

type simulatedWorker struct {
	sequence Sequence
	queue    []*Message
}

// simulatedGrain is an active address.
type simulatedGrain struct {
	record *Record
	status grainStatus
	cells  []Cell

	// The inbox: a head, then perhaps chunks, then a tail.
	head, tail   []*Message
	stored       bool
	last, newest Sequence

	spillable  int
	spillAfter BatchNumber

	// What was read and is not taken over yet.
	read     []*Message
	readMore bool
}

type grainStatus int

const (
	loading    grainStatus = iota // nothing was read yet
	loaded                        // read, not taken over
	ready                         // for the next message
	refilled                      // its next messages were read, not taken over
	spilled                       // a part of the tail was spilled, and is still in memory
	grainStuck                    // nothing to do before something else happens
)

const (
	simulatedWindow = 4
	worthSpilling   = 3
)

func (s *simulation) worker(a functions.Address) *simulatedWorker {
	return s.workers[int(s.Group(a.ID))%s.opts.Workers]
}

func (s *simulation) shard(a functions.Address) *Shard {
	return s.Shard(int(s.Group(a.ID)) % s.opts.Workers)
}

// deliver gives messages their sequences and queues them.
func (s *simulation) deliver(messages []*Message) {
	for _, m := range messages {
		w := s.worker(m.Target)
		w.sequence++
		m.Sequence = w.sequence
		w.queue = append(w.queue, m)
	}
}

// act does one thing.
func (s *simulation) act() {
	a := s.addresses[s.rng.IntN(len(s.addresses))]
	switch s.rng.IntN(32) {
	case 0, 1, 20, 21:
		s.outside()
	case 2, 3, 4:
		s.work(s.workers[s.rng.IntN(len(s.workers))])
	case 5, 6:
		s.resumeNext()
	case 7, 8, 9, 10, 11, 12:
		s.advance(a)
	case 13:
		if s.rng.IntN(3) == 0 {
			s.touch(a)
		}
	case 14:
		if s.rng.IntN(5) == 0 {
			s.purge(a)
		}
	case 15:
		s.note("check")
		s.check()
	case 16:
		s.acknowledgeEgress()
	case 17:
		s.materializer.due.Store(true)
		s.materializeTask.Wake()
	case 18:
		s.wait(time.Duration(s.rng.IntN(20)) * time.Millisecond)
	default:
		for range s.rng.IntN(4) {
			s.step()
		}
	}
}

// wait lets time pass, and step lets a task do something; neither from within a
// task.
func (s *simulation) wait(d time.Duration) {
	if !s.meddling {
		s.sim.Advance(d)
	}
}

func (s *simulation) step() {
	if !s.meddling {
		s.sim.Step()
	}
}

// value draws a value that never was before.
func (s *simulation) value() []byte {
	s.numbers++
	v := fmt.Appendf(nil, "%d", s.numbers)
	if s.rng.IntN(15) == 0 {
		v = append(v, bytes.Repeat([]byte("x"), s.rng.IntN(6000))...)
	}
	return v
}

// outside appends what comes from outside.
func (s *simulation) outside() {
	tx := &Transaction{}
	s.addEffects(tx, functions.Address{}, 4)
	if len(tx.Sends)+len(tx.Rows)+len(tx.Egress) == 0 {
		return
	}
	s.append(s.Outside(), tx)
}

// addEffects adds what a transaction does beside its record.
func (s *simulation) addEffects(tx *Transaction, caller functions.Address, sends int) {
	for range s.rng.IntN(sends) {
		target := s.addresses[s.rng.IntN(len(s.addresses))]
		if s.rng.IntN(2) == 0 {
			target = s.hot
		}
		tx.Sends = append(tx.Sends, &Message{Target: target, Caller: caller, Type: text, Value: s.value()})
	}
	for range s.rng.IntN(3) {
		tx.Rows = append(tx.Rows, Row{Key: s.key(caller), Value: s.value(), Delete: s.rng.IntN(3) == 0})
	}
	for range s.rng.IntN(8) / 6 {
		e := []functions.TypeName{emails, text}[s.rng.IntN(2)]
		tx.Egress = append(tx.Egress, EgressRecord{Egress: e, Key: "k", Type: text, Value: s.value()})
	}
}

// key draws the key of a row that an address may write, or else who is outside.
// What different shards write into one batch is in no order, so they share no keys.
func (s *simulation) key(a functions.Address) []byte {
	switch {
	case a.IsZero():
		return MetaKey(fmt.Sprint("position ", s.rng.IntN(3)))
	case s.rng.IntN(3) == 0:
		return TimerKey(s.Group(a.ID), s.rng.Int64N(4), Sequence(s.rng.IntN(4)))
	}
	return s.entryKey(a, s.first[a]+s.rng.Uint64N(5))
}

const entriesSpec = 9

func (s *simulation) entryKey(a functions.Address, position uint64) []byte {
	k := EntryPrefix(s.Group(a.ID), a, entriesSpec, s.generation[a])
	return binary.BigEndian.AppendUint64(k, position)
}

// addClear clears an address's entries, all or the first few, and sees to it that
// nobody uses their keys again.
func (s *simulation) addClear(tx *Transaction, a functions.Address) {
	if s.rng.IntN(2) == 0 {
		n := s.rng.Uint64N(3) // may be nothing
		tx.Clears = append(tx.Clears, KeyRange{s.entryKey(a, s.first[a]), s.entryKey(a, s.first[a]+n)})
		s.first[a] += n
		return
	}
	tx.Clears = append(tx.Clears, PrefixRange(EntryPrefix(s.Group(a.ID), a, entriesSpec, s.generation[a])))
	s.generation[a]++
	s.first[a] = 0
}

// work hands a worker's queued messages to their grains.
func (s *simulation) work(w *simulatedWorker) {
	for range min(len(w.queue), s.rng.IntN(6)) {
		m := w.queue[0]
		w.queue = w.queue[1:]
		s.activate(m.Target).push(s, m)
	}
}

func (s *simulation) resumeNext() {
	if len(s.resume) > 0 {
		s.activate(s.resume[0])
		s.resume = s.resume[1:]
		return
	}
	if len(s.groups) == 0 {
		return
	}
	found, next, err := s.Stored(s.groups[0], s.from)
	s.must(err)
	s.note("%v have messages stored in group %d, more %t", found, s.groups[0], next != nil)
	if s.resume, s.from = found, next; next == nil {
		s.groups = s.groups[1:]
	}
}

func (s *simulation) activate(a functions.Address) *simulatedGrain {
	g := s.grains[a]
	if g == nil {
		g = &simulatedGrain{record: NewRecord(a, s.Group(a.ID))}
		s.grains[a] = g
	}
	return g
}

func (g *simulatedGrain) push(s *simulation, m *Message) {
	if m.Sequence <= g.newest {
		s.fail("%s was delivered after %d", messageText(m), g.newest)
	}
	g.newest = m.Sequence
	if g.stored || len(g.tail) > 0 || len(g.head) >= simulatedWindow {
		g.tail = append(g.tail, m)
		return
	}
	g.toHead(m)
}

func (g *simulatedGrain) toHead(m *Message) {
	g.head = append(g.head, m)
	g.last, g.newest = m.Sequence, max(g.newest, m.Sequence)
}

// advance does the next thing that an address has to do.
func (s *simulation) advance(a functions.Address) grainStatus {
	g := s.grains[a]
	if g == nil {
		return grainStuck
	}
	switch g.status {
	case loading:
		s.load(g)
	case loaded:
		s.takeOver(g)
	case refilled:
		g.refill(g.read, g.readMore)
	case spilled:
		g.tail = slices.Clone(g.tail[g.spillable:])
		g.stored, g.spillable, g.status = true, 0, ready
	case ready:
		return s.advanceReady(g)
	}
	return g.status
}

func (s *simulation) advanceReady(g *simulatedGrain) grainStatus {
	switch {
	case s.rng.IntN(2) == 0 && s.spill(g):
	case len(g.head) > 0:
		if g.record.Address == s.hot && s.rng.IntN(3) > 0 {
			return grainStuck
		}
		return s.invoke(g)
	case g.stored:
		s.refill(g)
	case len(g.tail) > 0:
		g.refill(nil, false)
	case g.record.Batch() <= s.Durable():
		delete(s.grains, g.record.Address)
	default:
		return grainStuck
	}
	return ready
}

func (s *simulation) load(g *simulatedGrain) {
	a := g.record.Address
	l, err := s.Load(g.record)
	s.must(err)
	// Nothing of the address is under way: what is durable is all that there is.
	if d := s.world.differs(a, l); d != "" {
		s.fail("loaded: %s", d)
	}
	messages, more, err := s.ReadInbox(g.record, l.Consumed, true, 64)
	s.must(err)
	s.note("loaded %s, consumed up to %d, %v, more %t", a, l.Consumed, sequences(messages), more)
	g.record.Adopt(l)
	g.cells, g.read, g.readMore, g.status = l.Cells, messages, more, loaded
}

// takeOver makes what was read the head; what arrived meanwhile comes after it.
func (s *simulation) takeOver(g *simulatedGrain) {
	arrived := slices.Concat(g.head, g.tail)
	g.head, g.tail, g.stored, g.newest = nil, nil, g.readMore, 0
	for _, m := range g.read {
		g.toHead(m)
	}
	for _, m := range arrived {
		g.push(s, m)
	}
	g.read, g.status = nil, ready
}

func (s *simulation) refill(g *simulatedGrain) {
	messages, more, err := s.ReadInbox(g.record, g.last, false, 64)
	s.must(err)
	s.note("refilled %s after %d with %v, more %t", g.record.Address, g.last, sequences(messages), more)
	g.read, g.readMore, g.status = messages, more, refilled
}

// refill makes what was read, or else the tail, the head.
func (g *simulatedGrain) refill(read []*Message, more bool) {
	g.stored, g.read, g.status, g.spillable = more, nil, ready, 0
	for _, m := range read {
		g.toHead(m)
	}
	for !more && len(g.tail) > 0 && len(g.head) < simulatedWindow {
		g.toHead(g.tail[0])
		g.tail = g.tail[1:]
	}
}

// spill stores what is in the tail, once it is durable and worth it.
func (s *simulation) spill(g *simulatedGrain) bool {
	if len(g.tail) < worthSpilling {
		return false
	}
	if g.spillable == 0 {
		g.spillable, g.spillAfter = len(g.tail), s.Open()
	}
	if g.spillAfter > s.Durable() {
		return false
	}
	s.note("spill %v of %s", sequences(g.tail[:g.spillable]), g.record.Address)
	if s.current == "" {
		s.current = "spill"
		defer func() { s.current = "" }()
	}
	g.status = spilled
	s.must(s.Spill(Spilling{g.record, slices.Clone(g.tail[:g.spillable])}))
	return true
}

// invoke appends the transactions that consume messages of a grain, and at times
// of others of its worker in the same append.
func (s *simulation) invoke(g *simulatedGrain) grainStatus {
	txs := []*Transaction{s.consume(g, 1+s.rng.IntN(3))}
	grains := []*simulatedGrain{g}
	for _, a := range s.addresses {
		other := s.grains[a]
		if other != nil && other != g && other.status == ready && len(other.head) > 0 && s.worker(a) == s.worker(g.record.Address) && s.rng.IntN(3) == 0 {
			txs, grains = append(txs, s.consume(other, 1)), append(grains, other)
		}
	}
	if !s.append(s.shard(g.record.Address), txs...) {
		return grainStuck
	}
	for i, tx := range txs {
		g := grains[i]
		g.head = g.head[len(tx.Messages):]
		g.cells = tx.Cells
	}
	return ready
}

// consume is a transaction for the next messages of a grain, which must be the
// model's.
func (s *simulation) consume(g *simulatedGrain, n int) *Transaction {
	a := g.record.Address
	tx := &Transaction{Record: g.record, Messages: slices.Clone(g.head[:min(n, len(g.head))])}
	inbox := s.world.inbox[a]
	for i, m := range tx.Messages {
		if i >= len(inbox) {
			s.fail("%s is consumed, expected none", messageText(m))
		}
		if messageText(m) != inbox[i].text {
			s.fail("%s is consumed, expected %s", messageText(m), inbox[i].text)
		}
	}
	s.addCells(tx, g)
	s.addEffects(tx, a, 3)
	if s.rng.IntN(6) == 0 {
		s.addClear(tx, a)
	}
	return tx
}

// addCells changes some cells of a grain's record.
func (s *simulation) addCells(tx *Transaction, g *simulatedGrain) {
	tx.Record, tx.Cells = g.record, slices.Clone(g.cells)
	for range s.rng.IntN(3) {
		id := SpecID(1 + s.rng.IntN(4))
		i := slices.IndexFunc(tx.Cells, func(c Cell) bool { return c.Spec == id })
		if i < 0 {
			i = len(tx.Cells)
			tx.Cells = append(tx.Cells, Cell{Spec: id})
		}
		was := tx.Cells[i].Large
		large := LargeKey(g.record.Group, g.record.Address, id)
		switch s.rng.IntN(4) {
		case 0:
			tx.Cells = slices.Delete(tx.Cells, i, i+1)
			tx.Rows = append(tx.Rows, Row{Key: large, Delete: true})
		case 1:
			tx.Cells[i] = Cell{Spec: id, Large: true, Value: s.value()}
			tx.Rows = append(tx.Rows, Row{Key: large, Value: tx.Cells[i].Value})
		default:
			tx.Cells[i] = Cell{Spec: id, Value: s.value(), Expires: s.rng.Int64N(2) * 1000}
			if was {
				tx.Rows = append(tx.Rows, Row{Key: large, Delete: true})
			}
		}
	}
	if s.rng.IntN(4) == 0 {
		tx.Nudge = s.rng.Int64N(3)
	}
}

// touch changes a record without a message.
func (s *simulation) touch(a functions.Address) {
	g := s.activate(a)
	if g.status != ready {
		s.advance(a)
		return
	}
	tx := &Transaction{}
	s.addCells(tx, g)
	if s.append(s.shard(a), tx) {
		g.cells = tx.Cells
	}
}

// purge consumes all that waits for an address, unread, and clears its state.
func (s *simulation) purge(a functions.Address) bool {
	g := s.activate(a)
	if g.status != ready || s.logFull.Load() || s.overlayFull.Load() {
		return false
	}
	chunks, recovered, err := s.DropInbox(g.record)
	s.must(err)
	tx := &Transaction{Record: g.record, Skip: g.newest, Chunks: chunks}
	tx.Messages = slices.Concat(g.head, g.tail, recovered)
	slices.SortFunc(tx.Messages, func(x, y *Message) int { return compareSequence(x, y.Sequence) })
	for _, c := range g.cells {
		if c.Large {
			tx.Rows = append(tx.Rows, Row{Key: LargeKey(g.record.Group, a, c.Spec), Delete: true})
		}
	}
	s.addClear(tx, a)
	s.note("purge %s up to %d with %d chunks and %d recovered", a, g.newest, len(chunks), len(recovered))
	var numbers []BatchNumber
	tx.Durable = append(tx.Durable, func() { s.acknowledge(numbers[0]) })
	s.must(s.shard(a).AppendNow(tx)) // what was dropped cannot be put back
	numbers = append(numbers, s.Open())
	s.applied(tx)
	g.head, g.tail, g.stored, g.spillable, g.cells = nil, nil, false, 0, nil
	g.last = max(g.last, g.newest)
	return true
}

// acknowledgeEgress removes the first records of a queue.
func (s *simulation) acknowledgeEgress() {
	rows, _, err := s.Scan(EgressRange(emails), 1+s.rng.IntN(4))
	s.must(err)
	tx := &Transaction{}
	for _, row := range rows {
		if _, err := DecodeEgress(emails, row); err != nil {
			s.fail("egress: %v", err)
		}
		tx.Rows = append(tx.Rows, Row{Key: row.Key, Delete: true})
	}
	if len(rows) > 0 {
		s.append(s.Outside(), tx)
	}
}
