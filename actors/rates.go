package actors

import "time"

// rateStep is how often totals are noted, and rateSteps how many steps a rate goes
// back: 60 s in all, as Flink's meters do.
const (
	rateStep  = 5 * time.Second
	rateSteps = 12
)

// Rates are what a function type did a second, over the last 60 s.
type Rates struct {
	In, OutLocal, OutEgress, RequestFailures float64
}

// totals are what rates are made of.
type totals struct{ in, outLocal, outEgress, requestFailures uint64 }

func (m *functionMetrics) totals() totals {
	return totals{m.in.Load(), m.outLocal.Load(), m.outEgress.Load(), m.requestFailures.Load()}
}

// history is what a function type had done at the last steps. One that does nothing
// has none.
type history struct {
	totals [rateSteps + 1]totals // a ring
	oldest int                   // of totals
	steps  int                   // so far
	idle   int                   // of those, the last ones without a change

	// Latency counts of one to two minutes ago, and later ones that take their place.
	before, next latencyCounts
}

// noteTotals is called at every step.
func (e *Engine) noteTotals() {
	e.noting.Lock()
	defer e.noting.Unlock()
	e.each((*function).note)
}

// note notes the totals of one more step.
func (f *function) note() {
	now, was := f.metrics.totals(), f.noted
	f.noted = now
	if f.history == nil {
		if now == was {
			return
		}
		f.history = &history{}
		for i := range f.history.totals {
			f.history.totals[i] = was
		}
	}
	h := f.history
	h.totals[h.oldest] = now
	h.oldest = (h.oldest + 1) % len(h.totals)
	if h.steps++; h.steps%rateSteps == 0 {
		h.before, h.next = h.next, f.metrics.latency.counts()
	}
	if h.idle++; now != was {
		h.idle = 0
	}
	if h.idle > 2*rateSteps { // all of its rates are 0
		f.history = nil
	}
}

// rates returns the rates of a function type, and its latency counts of one to two
// minutes ago; of one that does nothing, those of its start. Engine.noting is held.
func (f *function) rates() (r Rates, before latencyCounts) {
	h := f.history
	if h == nil {
		return r, before
	}
	was := &h.totals[h.oldest]
	rate := func(now, was uint64) float64 { return float64(now-was) / (rateStep * rateSteps).Seconds() }
	return Rates{
		In: rate(f.noted.in, was.in), OutLocal: rate(f.noted.outLocal, was.outLocal), OutEgress: rate(f.noted.outEgress, was.outEgress),
		RequestFailures: rate(f.noted.requestFailures, was.requestFailures),
	}, h.before
}
