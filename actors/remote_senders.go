package actors

import (
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions/protocol"
)

// senders are the goroutines that carry requests to a remote's servers, one request
// at a time each. One that has brought an outcome home takes the next request that
// waits, and ends if there is none. How many there may be while others wait is decided
// by their concurrency.
type senders struct {
	engine *Engine

	mu       sync.Mutex
	most     concurrency
	running  int
	answered int // since the last tick
	ticking  bool
	waiting  []*remoteRequest
	first    int       // of waiting
	free     []*sender // to use again
}

// sender is the memory that one of the senders needs: so that requests that wait need none
// for what they will say.
type sender struct {
	encoded     []byte
	invocations []protocol.Invocation
}

// Of its memory a sender keeps so many bytes and invocations for the next request.
const (
	keptEncoded     = 16 << 10
	keptInvocations = 64
)

// attach attaches the request's messages.
func (s *sender) attach(q *remoteRequest) {
	for _, m := range q.messages {
		s.invocations = append(s.invocations, invocationOf(m))
	}
	q.sent.Invocation.Invocations = s.invocations
}

// detach ends what attach has begun, when the request is encoded no more.
func (s *sender) detach(q *remoteRequest) {
	q.sent.Invocation.Invocations = nil
	if clear(s.invocations); cap(s.invocations) > keptInvocations {
		s.invocations = nil
	}
	if s.invocations = s.invocations[:0]; cap(s.encoded) > keptEncoded {
		s.encoded = nil
	}
}

// sendersPerWorker is how many there are at least before a request waits. There is a
// worker per core: so many keep it busy while some of them wait for a server beside.
const sendersPerWorker = 32

func newSenders(e *Engine, most int) *senders {
	return &senders{engine: e, most: newConcurrency(sendersPerWorker*e.opts.Workers, most)}
}

// start sends the request on a goroutine of its own, if there may be one more; else
// it waits for its turn.
func (s *senders) start(q *remoteRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running < s.most.limit {
		s.spawn(q)
		return
	}
	s.waiting = append(s.waiting, q)
	if !s.ticking {
		s.ticking, s.answered = true, 0
		s.tickLater()
	}
}

// spawn is called with mu.
func (s *senders) spawn(q *remoteRequest) {
	s.running++
	s.engine.alone.Add(1)
	var memory *sender
	if last := len(s.free) - 1; last >= 0 {
		memory, s.free[last] = s.free[last], nil
		s.free = s.free[:last]
	} else {
		memory = &sender{}
	}
	s.engine.env.Dispatcher.Go("request", func() { s.work(q, memory) })
}

// work sends requests until none waits.
func (s *senders) work(q *remoteRequest, memory *sender) {
	defer s.engine.alone.Add(-1)
	for q != nil {
		q.send(memory)
		q = s.next(memory)
	}
}

// next takes the request whose turn has come, nil if none waits, the node stops, or
// there are more senders than there may be.
func (s *senders) next(memory *sender) *remoteRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered++
	if s.engine.asyncContext.Err() == nil && s.running <= s.most.limit {
		if q := s.take(); q != nil {
			return q
		}
	}
	s.running--
	s.free = append(s.free, memory)
	return nil
}

// take is called with mu.
func (s *senders) take() *remoteRequest {
	if s.first == len(s.waiting) {
		return nil
	}
	q := s.waiting[s.first]
	s.waiting[s.first] = nil
	if s.first++; s.first == len(s.waiting) {
		s.waiting, s.first = emptied(s.waiting), 0
	} else if s.first > len(s.waiting)/2 && s.first > keptWaiting {
		s.waiting = append(s.waiting[:0], s.waiting[s.first:]...)
		clear(s.waiting[len(s.waiting):cap(s.waiting)])
		s.first = 0
	}
	return q
}

// keptWaiting is when it is worth while to move what waits to the front.
const keptWaiting = 1024

// senderTick is how often the number of senders is thought over while requests wait.
const senderTick = 100 * time.Millisecond

func (s *senders) tickLater() { s.engine.env.Clock.AfterFunc(senderTick, s.tick) }

// tick thinks the number of senders over, as long as requests wait.
func (s *senders) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == len(s.waiting) || s.engine.asyncContext.Err() != nil {
		s.most.rest()
		s.ticking = false
		return
	}
	s.most.tick(s.answered)
	s.answered = 0
	for s.running < s.most.limit {
		q := s.take()
		if q == nil {
			break
		}
		s.spawn(q)
	}
	s.tickLater()
}
