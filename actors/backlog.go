package actors

import (
	"context"
	"slices"
	"time"

	"github.com/statefun-go/statefun/functions"
)

// Backlog is what waits with the addresses that are in memory, which are all that
// wait for something else than their activation after a start.
type Backlog struct {
	Functions map[functions.TypeName]*FunctionBacklog
	// Searching says that addresses with messages of a former run are still being
	// looked for.
	Searching bool
	// Partial says that a worker did not answer in time, and what it has is missing.
	Partial bool
}

// FunctionBacklog is the part of one function type.
type FunctionBacklog struct {
	Pending   int // messages that wait in memory, those that are being handled included
	Addresses int // that have any
	Spilled   int // of those, the ones that have more on disk
	Waiting   int // of those, the ones that wait for their next attempt, or cannot go on
	// Worst are some of these, with the most messages.
	Worst []WaitingAddress
}

// WaitingAddress is an address that cannot take its next message now.
type WaitingAddress struct {
	Address functions.Address
	Reason  string
	Until   time.Time // zero: open
	Pending int       // messages in memory
	Spilled bool      // it has more on disk
}

// worstAddresses are shown of each function type.
const worstAddresses = 3

// Backlog has every worker look at its addresses, a part at a time between messages.
// What those have that did not answer when ctx ends is missing.
func (e *Engine) Backlog(ctx context.Context) Backlog {
	out := Backlog{Functions: map[functions.TypeName]*FunctionBacklog{}}
	parts := make(chan *survey, len(e.workers))
	for _, w := range e.workers {
		s := &survey{ctx: ctx, parts: parts, functions: map[functions.TypeName]*FunctionBacklog{}}
		w.post(func(w *worker) { s.visit(w, 0) })
	}
	for range e.workers {
		select {
		case s := <-parts:
			out.merge(s)
			continue
		case <-e.stopped:
		case <-ctx.Done():
		}
		out.Partial = true
		return out
	}
	return out
}

func (b *Backlog) merge(s *survey) {
	b.Searching = b.Searching || s.searching
	b.Partial = b.Partial || s.partial
	for t, part := range s.functions {
		f := b.Functions[t]
		if f == nil {
			b.Functions[t] = part
			continue
		}
		f.Pending += part.Pending
		f.Addresses += part.Addresses
		f.Spilled += part.Spilled
		f.Waiting += part.Waiting
		for i := range part.Worst {
			f.addWorst(&part.Worst[i])
		}
	}
}

// survey is what one worker has found so far. It is the worker's until it is a part.
type survey struct {
	ctx                context.Context //nolint:containedctx // of who waits for it
	parts              chan<- *survey
	functions          map[functions.TypeName]*FunctionBacklog
	searching, partial bool
}

// visitTogether is how many grains are looked at between two messages.
const visitTogether = 1024

// visit looks at some of the worker's grains, from the one at a place on, and goes on
// later. Grains that come, go or move meanwhile may be missed or found twice.
func (s *survey) visit(w *worker, from int) {
	all := w.directory.all
	to := min(from+visitTogether, len(all))
	if from < to && s.ctx.Err() == nil {
		for _, g := range all[from:to] {
			if g.fn != nil && !g.inbox.empty() {
				s.add(g)
			}
		}
		w.post(func(w *worker) { s.visit(w, to) })
		return
	}
	s.searching, s.partial = w.resume.unfinished(), from < to
	s.parts <- s // there is room
}

func (s *survey) add(g *grain) {
	t := g.address().Type
	f := s.functions[t]
	if f == nil {
		f = &FunctionBacklog{}
		s.functions[t] = f
	}
	f.Addresses++
	f.Pending += g.inbox.len()
	if g.inbox.stored {
		f.Spilled++
	}
	if g.status != statusBackoff && g.status != statusDamaged {
		return
	}
	f.Waiting++
	a := WaitingAddress{Address: g.address(), Reason: g.reason, Pending: g.inbox.len(), Spilled: g.inbox.stored}
	if g.until != 0 {
		a.Until = time.UnixMilli(g.until)
	}
	f.addWorst(&a)
}

// addWorst keeps the addresses with the most messages.
func (f *FunctionBacklog) addWorst(a *WaitingAddress) {
	i, _ := slices.BinarySearchFunc(f.Worst, a, func(x WaitingAddress, a *WaitingAddress) int { return a.Pending - x.Pending })
	if i < worstAddresses {
		f.Worst = slices.Insert(f.Worst, i, *a)
		f.Worst = f.Worst[:min(len(f.Worst), worstAddresses)]
	}
}
