package actors

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/protocol"
	"github.com/statefun-go/statefun/persistence"
)

// asking is what a grain of a remote function knows of its requests.
type asking struct {
	// n messages at the head of the inbox may go into the next request once the batch
	// is durable.
	n     int
	batch persistence.BatchNumber
	// again, if not 0, is how many messages the last request had, which is to go out
	// once more.
	again int
	// The first messages of the inbox, so many, have failed as one request: the next
	// one has at most limit of them. 0: neither.
	suspects, limit int
	// failures in a row, and how many requests to the server had succeeded at the last
	// of them.
	failures int
	since    uint64
	// turn is what the next request may use.
	turn turn
}

// askings are a worker's grains that wait until what they are about to show to a
// server is durable, in order.
type askings struct {
	fresh   []*grain // what they wait for may be staged only
	waiting []*grain
}

// ask begins a request with the messages at the head of the grain's inbox.
func (w *worker) ask(g *grain) {
	if g.asking == nil {
		g.asking = &asking{}
	}
	g.busy(statusAsking, "its request waits until its messages are durable", 0)
	w.askings.fresh = append(w.askings.fresh, g)
}

// askDurable sends the requests whose messages are durable, and with them the last
// transactions of their addresses: law 2. Nothing is staged now.
func (w *worker) askDurable() {
	a := &w.askings
	if len(a.fresh)+len(a.waiting) == 0 {
		return
	}
	open := w.engine.journal.Open() // nothing that was appended is newer
	for _, g := range a.fresh {
		g.asking.n, g.asking.batch = len(g.inbox.head)-g.inbox.first, open
	}
	a.waiting, a.fresh = append(a.waiting, a.fresh...), emptied(a.fresh)
	w.wantsSync.Store(true) // before the look, so that none is missed
	durable := w.engine.journal.Durable()
	// The open batch may stay empty, and then it never becomes durable, nor does anybody
	// wake the worker for it: so this looks at the last one, also if the first may go.
	settled := a.waiting[len(a.waiting)-1].asking.batch > durable && w.engine.journal.Settled()
	for len(a.waiting) > 0 && (settled || a.waiting[0].asking.batch <= durable) {
		g := a.waiting[0]
		a.waiting[0] = nil
		a.waiting = a.waiting[1:]
		w.sendRequest(g)
	}
}

// remoteRequest is one attempt to have a batch of messages handled by a server.
type remoteRequest struct {
	worker   *worker
	fn       *function
	server   *server
	grain    *grain
	epoch    uint32 // of the grain: what comes back in another one is void
	messages []*persistence.Message
	sent     protocol.ToFunction // its invocations are the sender's: of the messages

	turn      turn
	first     bool   // it is the introduction of its function type
	successes uint64 // of the server, when it was sent

	response protocol.FromFunction
	err      error
	alive    bool          // the server had answered the probe before
	tell     func(*worker) // answered
}

// requests are a worker's remoteRequests that are done with, to use again.
type requests struct{ free []*remoteRequest }

// What requests keep for the next ones is bounded: in number, and in parts of each.
const (
	keptRequests = 1024
	keptParts    = 64
)

// request returns one for the grain, with nothing in it.
func (w *worker) request(g *grain) *remoteRequest {
	var q *remoteRequest
	if n := len(w.requests.free); n > 0 {
		q = w.requests.free[n-1]
		w.requests.free = w.requests.free[:n-1]
	} else {
		q = &remoteRequest{}
		q.tell = func(w *worker) { w.answered(q) }
	}
	q.worker, q.fn, q.server, q.grain = w, g.fn, g.fn.server, g
	return q
}

// done takes a request back, without what it held. Values of the response that
// became part of a transaction are in the response's memory, not in the request's.
func (w *worker) done(q *remoteRequest) {
	r, sent := &q.response.InvocationResult, &q.sent.Invocation
	parts := max(cap(q.messages), cap(sent.State), cap(q.response.IncompleteInvocationContext.MissingValues),
		cap(r.OutgoingMessages), cap(r.DelayedInvocations), cap(r.OutgoingEgresses), cap(r.StateMutations))
	if parts > keptParts || len(w.requests.free) >= keptRequests {
		return
	}
	q.sent.Reset()
	q.response.Reset()
	*q = remoteRequest{messages: emptied(q.messages), sent: q.sent, response: q.response, tell: q.tell}
	w.requests.free = append(w.requests.free, q)
}

// sendRequest makes the grain's next request, and sends it when its turn has come.
func (w *worker) sendRequest(g *grain) {
	q := w.request(g)
	if !w.mayAsk(g, q) {
		w.done(q)
		return
	}
	q.attachState(w.now)
	q.takeMessages()
	g.asking.again = 0
	g.busy(statusAsking, "its function server is asked", 0)
	q.epoch = g.epoch
	g.fn.remote.senders.start(q)
}

// mayAsk lets the grain ask now, or lets it wait: for its server, or for another
// address that asks first.
func (w *worker) mayAsk(g *grain, q *remoteRequest) (ok bool) {
	a, s := g.asking, q.server
	x := waiter{w, g, g.epoch + 1} // it will be busy
	q.turn, a.turn = a.turn, turn{}
	if q.turn.given() {
		q.successes, _, _ = s.state()
	} else if q.successes, ok = s.enter(x); !ok {
		_, _, reason := s.state()
		g.busy(statusBackoff, cmp.Or(reason, "others of its function server's addresses come first"), 0)
		return false
	}
	if ok, q.first = g.fn.introduction.enter(x); !ok {
		s.pass(q.turn)
		g.busy(statusBackoff, "another address of its function is the first to ask", 0)
		return false
	}
	return true
}

// wake ends the grain's wait.
func (w *worker) wake(x waiter) {
	if g := x.grain; g.epoch == x.epoch {
		g.ready()
		w.pump(g)
	}
}

// takeTurn is called when the grain is the first in its server's line. A turn that
// leads to no request goes to the next.
func (w *worker) takeTurn(s *server, x waiter, t turn) {
	g := x.grain
	if g.epoch != x.epoch {
		s.pass(t)
		return
	}
	owner := w.owner.Load()
	g.asking.turn = t
	w.wake(x)
	if w.owner.Load() == owner && g.status != statusAsking {
		w.giveUpTurn(g)
	}
}

// giveUpTurn takes back what the grain has not used, before it serves another address,
// or none.
func (w *worker) giveUpTurn(g *grain) {
	if g.asking != nil && g.asking.turn.given() {
		g.fn.server.pass(g.asking.turn)
		g.asking.turn = turn{}
	}
}

// attachState attaches every state that is known of the function type; one that the
// address does not have, or that has expired, without a value.
func (q *remoteRequest) attachState(now int64) {
	g, b := q.grain, &q.sent.Invocation
	b.Present, b.Target = true, g.address()
	states := *g.fn.states.Load()
	for i, s := range states {
		if s.Kind != functions.KindValue {
			continue // of a function that ran here once
		}
		p := protocol.PersistedValue{StateName: s.Name}
		if i < len(g.cells) && g.cells[i].present && (g.cells[i].expires == 0 || g.cells[i].expires > now) {
			p.StateValue = protocol.ValueOf(s.Type, g.cells[i].value)
		}
		b.State = append(b.State, p)
	}
}

// takeMessages takes as many messages as one request may have.
func (q *remoteRequest) takeMessages() {
	g, r := q.grain, q.grain.fn.remote
	size := int64(q.sent.Size())
	for _, m := range g.inbox.head[g.inbox.first:][:g.asking.most(r)] {
		invocation := invocationOf(m)
		size += int64(invocation.Size())
		if m.Type == nudgeType || len(q.messages) > 0 && size > r.MaxBatchBytes {
			break
		}
		q.messages = append(q.messages, m)
	}
}

func invocationOf(m *persistence.Message) protocol.Invocation {
	return protocol.Invocation{Caller: m.Caller, Argument: protocol.ValueOf(m.Type, m.Value)}
}

// most is how many messages the next request has at most.
func (a *asking) most(r *remote) int {
	n := a.n
	for _, limit := range []int{r.MaxNumBatchRequests, a.limit, a.again} {
		if limit > 0 {
			n = min(n, limit)
		}
	}
	return n
}

// send makes the attempt and takes its outcome to the worker. If the node stops
// meanwhile, nothing comes of it: the messages are still there at the next start.
func (q *remoteRequest) send(s *sender) {
	w := q.worker
	if _, down, _ := q.server.state(); down && !q.turn.given() {
		q.err = &CallError{Err: errHeld, Unsent: true}
	} else {
		q.attempt(s)
	}
	if w.engine.asyncContext.Err() == nil {
		w.post(q.tell)
	}
}

// attempt asks the server, and takes the time.
func (q *remoteRequest) attempt(s *sender) {
	clock, metrics := q.worker.engine.env.Clock, &q.fn.metrics
	metrics.requestSent()
	began := clock.Now()
	if q.turn.try {
		q.probe(s)
	}
	if q.err == nil {
		s.attach(q)
		q.err = q.call(s, &q.sent, &q.response)
		s.detach(q)
	}
	now := clock.Now()
	metrics.requestEnded(now, now.Sub(began), q.err)
}

// errHeld is the failure of a request whose server went away before its turn had come.
var errHeld = errors.New("its function server is away")

// probe asks the server for nothing: with no message, it runs no function, and a server
// that is there says so. That tells, if the request fails afterwards, that it is its
// messages' fault: they end the server's process, or make it hang. One that does not
// take a request without messages tells nothing, and gets the messages all the same.
func (q *remoteRequest) probe(s *sender) {
	b := &q.sent.Invocation
	empty := protocol.ToFunction{Invocation: protocol.InvocationBatchRequest{Present: true, Target: b.Target}}
	for i := range b.State {
		empty.Invocation.State = append(empty.Invocation.State, protocol.PersistedValue{StateName: b.State[i].StateName})
	}
	var answer protocol.FromFunction
	err := q.call(s, &empty, &answer)
	q.alive = err == nil
	if faultOf(err).Unsent {
		q.err = err
	}
}

// call sends a request and decodes its response.
func (q *remoteRequest) call(s *sender, request *protocol.ToFunction, response *protocol.FromFunction) error {
	w, fn := q.worker, q.fn
	s.encoded = request.Append(s.encoded[:0])
	body, err := fn.remote.Caller.Call(w.engine.asyncContext, fn.Type, s.encoded)
	if err != nil {
		return err
	}
	decoder := fn.remote.decoders.Get().(*protocol.Decoder) //nolint:forcetypeassert // nothing else is in it
	defer fn.remote.decoders.Put(decoder)
	if err := decoder.FromFunction(body, response); err != nil {
		return fmt.Errorf("the response is not a FromFunction: %w", err)
	}
	return nil
}
