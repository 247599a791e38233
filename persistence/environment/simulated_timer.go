package environment

import (
	"container/heap"
	"time"
)

// A simulatedTimer is a unit that becomes runnable at a time.
type simulatedTimer struct {
	unit     *unit
	due      time.Time
	sequence uint64
	position int // in the timer queue, negative when not in it
}

type simulatedClock struct{ *Process }

func (c simulatedClock) Now() time.Time {
	s := c.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Add(s.wrong)
}

func (c simulatedClock) AfterFunc(d time.Duration, f func()) Timer {
	s := c.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule(c.once("timer", f), d)
}

// schedule makes a unit runnable once d has passed.
func (s *Simulation) schedule(u *unit, d time.Duration) *simulatedTimer {
	t := &simulatedTimer{unit: u, due: s.now.Add(max(d, 0)), sequence: s.scheduled, position: -1}
	s.scheduled++
	if !u.process.dead {
		heap.Push(&s.timers, t)
	}
	return t
}

// Stop implements Timer.
func (t *simulatedTimer) Stop() bool {
	s := t.unit.process.simulation
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := t.position >= 0 || t.unit.state == unitQueued
	if t.position >= 0 {
		heap.Remove(&s.timers, t.position)
	}
	if pending {
		s.end(t.unit)
	}
	return pending
}

// fireTimers makes the timers runnable that are due.
func (s *Simulation) fireTimers() {
	for len(s.timers) > 0 && !s.timers[0].due.After(s.now) {
		t := heap.Pop(&s.timers).(*simulatedTimer)
		s.queue(t.unit)
	}
}

// dropTimers forgets the timers of a process.
func (s *Simulation) dropTimers(p *Process) {
	kept := s.timers[:0]
	for _, t := range s.timers {
		if t.unit.process == p {
			t.position = -1
			s.end(t.unit)
		} else {
			t.position = len(kept)
			kept = append(kept, t)
		}
	}
	clear(s.timers[len(kept):])
	s.timers = kept
	heap.Init(&s.timers)
}

// A timerQueue is a heap of timers by due time, those of the same time in the
// order of their making.
type timerQueue []*simulatedTimer

func (q timerQueue) Len() int { return len(q) }

func (q timerQueue) Less(i, j int) bool {
	if c := q[i].due.Compare(q[j].due); c != 0 {
		return c < 0
	}
	return q[i].sequence < q[j].sequence
}

func (q timerQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].position, q[j].position = i, j
}

func (q *timerQueue) Push(x any) {
	t := x.(*simulatedTimer)
	t.position = len(*q)
	*q = append(*q, t)
}

func (q *timerQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.position = -1
	return t
}
