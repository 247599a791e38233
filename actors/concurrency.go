package actors

// concurrency decides how many requests may be under way at a time while others
// wait. It is a pure state machine: an event is a tick, of equal lengths, at the end of
// which requests waited.
//
// A server that waits for something else answers more, the more it is asked at a time.
// One that is short of cores does not: every request more only costs memory, and
// warmth of caches, here and there; beside the runtime, on the same cores, a fourth of
// the throughput. Only a trial tells the two apart. So:
//
//   - If fewer requests were answered in a tick than may be under way, each took
//     longer than a tick. The limit doubles as long as that brings a fifth more
//     answers, or there are none; else it goes back, and the next time it waits longer.
//   - Else, now and then, the limit is doubled for one tick. It stays there if that
//     brought a fifth more answers, and goes on from there; else it goes back. In turns
//     with this, half of the limit is tried, and kept if next to nothing is lost.
//   - A trial that fails makes the next one wait twice as long, up to a bound.
//
// Rejected: a limit out of response times (as TCP Vegas has). The best of them is no
// measure where functions differ, and what is saved by it is only what a trial costs, one
// tick in many.
type concurrency struct {
	limit       int // requests under way
	least, most int

	answered int // per tick with the limit, lately
	settled  int // the limit to go back to; 0: no trial is under way
	wait     int // ticks until the next trial
	pause    int // what wait was set to last
	before   int // answers in the tick before the limit was doubled
	doubling bool
	up       bool
}

const (
	firstPause, lastPause = 8, 128 // ticks
)

func newConcurrency(least, most int) concurrency {
	least = min(least, most)
	return concurrency{limit: least, least: least, most: most, pause: firstPause, up: true}
}

// rest ends a trial: there is less to do now than may be done.
func (c *concurrency) rest() {
	if c.settled > 0 {
		c.limit, c.settled = c.settled, 0
	}
	c.answered, c.wait, c.doubling = 0, 0, false
}

// tick is told how many requests were answered in it.
func (c *concurrency) tick(answered int) {
	if answered < c.limit {
		c.settled, c.answered = 0, 0
		c.grow(answered)
		return
	}
	c.doubling = false
	switch {
	case c.settled > 0:
		c.judge(answered)
	case c.wait > 0 || c.answered == 0:
		c.wait = max(0, c.wait-1)
		c.note(answered)
	default:
		c.note(answered)
		c.try()
	}
}

// grow doubles the limit as long as that pays.
func (c *concurrency) grow(answered int) {
	if c.doubling {
		c.doubling = false
		if answered > 0 && 5*(answered-c.before) < c.before {
			c.limit = max(c.least, c.limit/2)
			c.wait, c.pause = c.pause, min(2*c.pause, lastPause)
			return
		}
		c.wait, c.pause = 0, firstPause
	}
	switch {
	case c.wait > 0:
		c.wait--
	case c.limit < c.most:
		c.limit, c.before, c.doubling = min(2*c.limit, c.most), answered, true
	}
}

// note smoothes what is compared with.
func (c *concurrency) note(answered int) {
	if c.answered == 0 {
		c.answered = answered
		return
	}
	c.answered += (answered - c.answered) / 4
}

// try begins a trial, unless the limit is at its bound.
func (c *concurrency) try() {
	next := max(c.least, c.limit/2)
	if c.up {
		next = min(2*c.limit, c.most)
	}
	if next == c.limit {
		c.up = !c.up
		return
	}
	c.settled, c.limit = c.limit, next
}

// judge ends a trial.
func (c *concurrency) judge(answered int) {
	better := answered-c.answered >= c.answered/5
	if !c.up {
		better = c.answered-answered <= c.answered/20
	}
	if better {
		c.settled, c.answered, c.pause = 0, answered, firstPause
		return // and try the same again
	}
	c.limit, c.settled = c.settled, 0
	c.up = !c.up
	c.wait, c.pause = c.pause, min(2*c.pause, lastPause)
}
