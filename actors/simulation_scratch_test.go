package actors

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/statefun-go/statefun/functions"
	"github.com/statefun-go/statefun/functions/functionstest/programs"
	"github.com/statefun-go/statefun/persistence"
)

// scratch are addresses that get floods of messages and are purged. What a purge
// meets depends on the moment, so there is no model: the numbers of what is
// handled grow, and after the last purge nothing is left.
type scratch struct {
	next int64 // number of the next message
}

const (
	scratchType functions.TypeName = "sim/scratch"
	scratchIDs  int                = 3
)

func (*scratch) function(m *programs.Machine) *functions.Function {
	last := functions.Value("last", functions.Int64)
	log := functions.List("log", functions.Int64)
	large := functions.Value("large", functions.String)
	handle := func(ctx functions.Context, n int64) error {
		if was, _ := last.Get(ctx); n <= was {
			err := fmt.Errorf("%s: message %d after %d", ctx.Self(), n, was)
			m.Broken(err)
			return functions.Permanent(err)
		}
		last.Set(ctx, n)
		log.Append(ctx, n)
		if n%5 == 0 {
			large.Set(ctx, strings.Repeat("x", 3000))
		}
		if n%4 == 0 {
			ctx.SendAfter(20*365*24*time.Hour, ctx.Self(), functions.Int64.Of(n), functions.CancelToken(fmt.Sprint(n)))
		}
		return nil
	}
	return &functions.Function{
		Type: scratchType, States: []functions.State{last, log, large},
		Handlers: []functions.Handler{functions.On(functions.Int64, handle)},
	}
}

// flood sends many messages to one address, which a crash may lose.
func (c *scratch) flood(s *simulation) {
	a := scratchType.At(fmt.Sprint("s", s.rng.IntN(scratchIDs)))
	tx := &persistence.Transaction{}
	for range 1 + s.rng.IntN(30) {
		tx.Sends = append(tx.Sends, &persistence.Message{Target: a, Type: functions.Int64.Name(), Value: functions.Int64.Of(c.next).Value})
		c.next++
	}
	s.append(tx)
}

// purge removes an address, in its time.
func (c *scratch) purge(s *simulation) {
	s.purge(scratchType.At(fmt.Sprint("s", s.rng.IntN(scratchIDs))), func(Purged) {})
}

// purge is Engine.Purge without the wait: done is called when it is durable.
func (s *simulation) purge(a functions.Address, done func(Purged)) {
	e := s.engine
	timers, err := e.timersOf(a)
	s.must(err)
	w := e.workers[e.workerOf[e.journal.Group(a.ID)]]
	w.purgeWhenIdle(context.Background(), a, func(g *grain) {
		p, tx, err := w.purge(g, timers, false)
		if err != nil {
			s.broken = append(s.broken, err)
			return
		}
		tx.Durable = append(tx.Durable, func() { done(p) })
	})
}

// empty purges all and looks whether anything is left.
func (c *scratch) empty(s *simulation) {
	for round := range 2 { // timers of the last moments survive the first
		purged := 0
		for i := range scratchIDs {
			s.purge(scratchType.At(fmt.Sprint("s", i)), func(Purged) { purged++ })
		}
		for n := 0; purged < scratchIDs; n++ {
			if n > 100 {
				s.fail("%d of %d purges came to an end, in round %d", purged, scratchIDs, round)
			}
			s.advance(20 * time.Millisecond)
		}
	}
	for i := range scratchIDs {
		a := scratchType.At(fmt.Sprint("s", i))
		states, err := s.engine.State(a)
		s.must(err)
		timers, err := s.engine.timersOf(a)
		s.must(err)
		if len(states) > 0 || len(timers) > 0 {
			s.fail("after a purge %s has the states %+v and %d timers", a, states, len(timers))
		}
	}
}
