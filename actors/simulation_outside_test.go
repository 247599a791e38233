package actors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence"
)

// Who sends to the simulated node: a source with positions, clients with
// idempotency keys, and operators.

// source is like a partition of a topic: its position is journaled with the
// messages that come of it.
type source struct {
	programs []*programs.Program
	sent     map[string]int // programs to each id
	position int            // appended

}

var sourceKey = persistence.MetaKey("simulated source")

// feed makes more programs, and appends what there is.
func (s *simulation) feed(n int) {
	for range n {
		p := s.gen.Program(s.gen.ID(), "source", 3)
		if s.remotely {
			forRemote(p)
		}
		s.source.sent[p.ID]++
		p.N = s.source.sent[p.ID]
		s.source.programs = append(s.source.programs, p)
		s.model.Apply(p)
	}
	s.source.append(s)
}

// append appends all that waits, some in a transaction.
func (src *source) append(s *simulation) {
	for src.position < len(src.programs) {
		n := min(len(src.programs)-src.position, 1+s.rng.IntN(4))
		tx := &persistence.Transaction{Rows: []persistence.Row{{
			Key: sourceKey, Value: binary.AppendUvarint(nil, uint64(src.position+n)),
		}}}
		for _, p := range src.programs[src.position : src.position+n] {
			tx.Sends = append(tx.Sends, &persistence.Message{
				Target: programs.Address(p.ID), Type: programs.MessageType, Value: s.book.Encode(p),
			})
		}
		if !s.append(tx) {
			return
		}
		src.position += n
	}
}

// resume goes on at the journaled position, which never goes back.
func (src *source) resume(s *simulation) {
	v, ok, err := s.engine.journal.Get(sourceKey)
	s.must(err)
	n := uint64(0)
	if ok {
		n, _ = binary.Uvarint(v)
	}
	if int(n) > src.position {
		s.fail("the source is at position %d, %d programs were appended", n, src.position)
	}
	src.position = int(n)
	src.append(s)
}

// append appends a transaction from outside; false if there is no room.
func (s *simulation) append(tx *persistence.Transaction) bool {
	_, err := s.engine.journal.Outside().Append(tx)
	return err == nil
}

// request is a message with an idempotency key. Its client sends it again until
// it has an answer.
type request struct {
	key     string
	value   []byte
	program *programs.Program
	call    bool
	client  string
	waits   <-chan Answer
	answer  *Answer // the first
}

func (s *simulation) request() {
	p := s.gen.Root(3)
	if s.remotely {
		forRemote(p)
	}
	s.model.Apply(p)
	r := &request{key: fmt.Sprintf("key%d", len(s.requests)), program: p, call: s.rng.IntN(2) == 0}
	r.value = s.encode(onceRequest{Target: programs.Address(p.ID), Type: programs.MessageType, Value: s.book.Encode(p), Call: r.call})
	s.requests = append(s.requests, r)
	s.post(r)
}

func (s *simulation) encode(r onceRequest) []byte {
	b, err := json.Marshal(r)
	s.must(err)
	return b
}

// repeat sends a request again, answered or not.
func (s *simulation) repeat() {
	if len(s.requests) > 0 {
		s.post(s.requests[s.rng.IntN(len(s.requests))])
	}
}

// contradict uses the key of an answered request for something else.
func (s *simulation) contradict() {
	if len(s.requests) == 0 {
		return
	}
	r := s.requests[s.rng.IntN(len(s.requests))]
	if r.answer == nil {
		return
	}
	other := &request{key: r.key, value: s.encode(onceRequest{Target: programs.Address("id0"), Type: programs.MessageType, Value: r.value})}
	other.answer = &Answer{Conflict: true}
	s.requests = append(s.requests, other)
	s.post(other)
}

// post sends a request, with a new client for the answer.
func (s *simulation) post(r *request) {
	s.clients++
	r.client = fmt.Sprintf("client%d", s.clients)
	tx := &persistence.Transaction{Sends: []*persistence.Message{{
		Target: functions.Address{Type: onceType, ID: r.key}, Caller: functions.Address{Type: replyType, ID: r.client},
		Type: onceRequestType, Value: r.value,
	}}}
	if s.append(tx) {
		r.waits = s.engine.calls.begin(r.client)
	}
}

// answered takes the answers that have arrived.
func (s *simulation) answered() {
	for _, r := range s.requests {
		if r.waits == nil {
			continue
		}
		select {
		case a := <-r.waits:
			r.waits = nil
			s.note("answer to %s", r.key)
			s.checkAnswer(r, &a)
		default:
		}
	}
}

// checkAnswer compares it with the first one, or with the model.
func (s *simulation) checkAnswer(r *request, a *Answer) {
	if r.answer != nil {
		if !reflect.DeepEqual(r.answer, a) {
			s.fail("request %s is answered with %+v, then with %+v", r.key, *r.answer, *a)
		}
		return
	}
	r.answer = a
	switch {
	case !r.call:
		if !reflect.DeepEqual(*a, Answer{}) {
			s.fail("send %s is answered with %+v", r.key, *a)
		}
	case r.program.Doom != programs.NoDoom:
		if a.Failure == "" {
			s.fail("call %s is answered with %+v, expected a failure", r.key, *a)
		}
	default:
		total, err := functions.Int64.Decode(a.Message.Value)
		if err != nil || a.Failure != "" {
			s.fail("call %s is answered with %+v, %v", r.key, *a, err)
		}
		// The reply has left: from now on the state is there for ever.
		id := r.program.ID
		s.floor.Sum[id] = max(s.floor.Sum[id], total)
		s.check(id)
	}
}

// release heals quarantined programs, or drops them.
func (s *simulation) release() {
	e := s.engine
	if !e.quarantined.isComplete() {
		return // a release would have to wait for the count
	}
	var found []Quarantined
	s.must(e.Quarantine(func(q Quarantined) bool {
		found = append(found, q)
		return true
	}))
	for _, q := range found {
		p, err := s.book.Decode(q.Value)
		if err != nil || q.Type != programs.MessageType || p.Doom == programs.NoDoom {
			s.fail("%s is quarantined: %s: %s\n%s", q.Address, q.Type, q.Error, q.Stack)
		}
		key := fmt.Sprint(q.Address, q.Sequence)
		if s.released[key] {
			continue // and not durable yet
		}
		tx := &persistence.Transaction{}
		s.must(e.releasing(tx, q.Address, q.Sequence, p.Doom == programs.DoomRetry))
		tx.Durable = append(tx.Durable, func() { e.quarantined.count.Add(-1) })
		if s.append(tx) {
			if p.Doom == programs.DoomRetry {
				s.book.Heal(p.U)
			}
			s.released[key] = true
		}
	}
}

func (q *quarantined) isComplete() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.complete.Load()
}
