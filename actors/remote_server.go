package actors

import (
	"sync"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// server is what the engine knows of those who answer for some function types: an
// endpoint, or one host of it. It tells a message that fails from a server that is away,
// and lets addresses ask one after the other while it is.
//
// While the server answers, everybody asks at once. It is *down* once a request has
// failed that nobody has shown to be its messages' fault, and no other was answered
// meanwhile. Then all addresses get in line. One at a time has its turn, a *try*, after a
// pause that doubles; before its messages go out, the server is probed (see
// remoteRequest.probe). Any response to messages ends this: the line moves, two more turns
// for each response, so that a server that has just started is not run over.
//
// Invariants, under mu: while the server is down a timer runs (window is 0), or a
// turn is out, or the next to come has one. While it is not, a line moves: it has turns out.
type server struct {
	engine *Engine
	name   string // of its functions, for people
	host   string // which of them, if there are several

	mu        sync.Mutex
	successes uint64
	failing   functions.Address // the first that failed since the last success
	several   bool              // others did, too

	down   bool
	tries  int       // that failed, in a row
	reason string    // of the last failure, for people
	next   time.Time // when the next try may be made

	line   []waiter
	window int // turns that may be out at a time
	out    int
	// round counts the times that the server went away: turns, and pauses, of an
	// earlier one are void.
	round uint64
}

// turn is the right to send a request; the zero turn is none.
type turn struct {
	round uint64 // of the server, from 1
	try   bool
}

func (t turn) given() bool { return t.round > 0 }

// waiter is a grain in line. In another epoch it waits no more.
type waiter struct {
	worker *worker
	grain  *grain
	epoch  uint32
}

// enter lets a grain ask at once, or puts it in line. It returns how many requests
// have succeeded so far.
func (s *server) enter(x waiter) (successes uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down && len(s.line) == 0 {
		return s.successes, true
	}
	s.line = append(s.line, x)
	s.move()
	return s.successes, false
}

// queue puts a grain in line.
func (s *server) queue(x waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = append(s.line, x)
	s.move()
}

// move gives turns to the first in line. It is called with mu.
func (s *server) move() {
	for len(s.line) > 0 && s.out < s.window {
		x, t := s.line[0], turn{s.round + 1, s.down}
		s.line[0] = waiter{}
		s.line = s.line[1:]
		s.out++
		x.worker.post(func(w *worker) { w.takeTurn(s, x, t) })
	}
}

// valid reports whether a turn is of this round. It is called with mu.
func (s *server) valid(t turn) bool { return t.round == s.round+1 }

// back takes a turn back. It is called with mu.
func (s *server) back(t turn) {
	if s.valid(t) {
		s.out--
	}
}

// pass takes a turn back that was not used.
func (s *server) pass(t turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.back(t)
	s.move()
}

// state is how many requests have succeeded so far, whether the server is away, and why.
func (s *server) state() (successes uint64, down bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.successes, s.down, s.reason
}

// nextTry is when the server may be asked again, zero if it is not away.
func (s *server) nextTry() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down {
		return time.Time{}
	}
	return s.next
}

// succeeded is told of a response to messages.
func (s *server) succeeded(t turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.successes++
	s.failing, s.several = functions.Address{}, false
	s.back(t)
	if s.down {
		s.down, s.tries, s.window = false, 0, s.out+1
		s.engine.opts.Logger.Info("function server is back", "functions", s.name, "host", s.host, "waiting", len(s.line))
	}
	if len(s.line) > 0 {
		s.window++
	}
	s.move()
}

// verdict is what a failed request means.
type verdict struct {
	// blame says that the messages are at fault: they are parted, or the one's attempts
	// count.
	blame bool
	// line says that the address has to get in line for its next request.
	line bool
}

// failed judges a request that has failed.
func (s *server) failed(q *remoteRequest) (v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := q.grain.asking
	// Others got through between this address's failures: the server was there.
	others := a.failures > 0 && s.successes > a.since
	a.since = s.successes
	try := q.turn.try && s.valid(q.turn)
	s.back(q.turn)
	v.blame = s.blames(q, others)
	switch away := !v.blame && s.successes == q.successes; {
	case s.down && try:
		s.tries++
		s.pause(q)
	case away && !s.down:
		s.fall(q)
	}
	v.line = s.down
	s.move()
	return v
}

// blames says whether the messages of a request are at fault. What no server took is not.
func (s *server) blames(q *remoteRequest, others bool) bool {
	f := faultOf(q.err)
	if f.Unsent {
		return false
	}
	if a := q.grain.address(); s.failing.IsZero() {
		s.failing = a
	} else if s.failing != a {
		s.several = true
	}
	switch {
	case f.Invocation > 0 || f.TooLarge || isPermanent(q.err):
		return true // by the server's own word
	case others:
		return true
	case s.several:
		return false // what the server needs may be away
	}
	return q.alive || !f.Down
}

// fall notes that the server is away. It is called with mu.
func (s *server) fall(q *remoteRequest) {
	s.down, s.tries = true, 1
	s.pause(q)
	s.engine.opts.Logger.Warn("function server is away, its addresses wait", "functions", s.name, "host", s.host, "error", q.err)
}

// pause keeps everybody from a turn for a while. It is called with mu.
func (s *server) pause(q *remoteRequest) {
	s.round++
	s.out = 0 // turns of earlier rounds are void
	s.window, s.reason = 0, "its function server is away: "+q.err.Error()
	e, round := s.engine, s.round
	wait := max(e.jitter(e.opts.backoff(s.tries)), faultOf(q.err).RetryAfter)
	s.next = e.env.Clock.Now().Add(wait)
	e.env.Clock.AfterFunc(wait, func() { s.resume(round) })
}

// resume lets one try be made.
func (s *server) resume(round uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down && s.round == round {
		s.window = 1
		s.move()
	}
}
