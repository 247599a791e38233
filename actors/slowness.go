package actors

import "time"

// slowness is how an address treats its worker. One that holds it up has its
// invocations on the pool, until they are fast again: others of its type, and
// its neighbours on the worker, are not to pay for it.
//
// Nobody reads a clock for it. The watchdog marks runs that it has seen at two
// looks, which took some milliseconds. On a busy machine that may have been the
// operating system's doing, but then it is one run in thousands. So an address
// is slow if it has a few marks in not many times as many runs. While it has
// none, nothing is counted.
type slowness struct {
	runs  uint16 // on the worker, since the first mark
	fast  uint16 // on the pool, in a row
	marks uint8  // or alone
	found uint8  // how often it was found slow
}

const (
	alone        = 255 // the address has its invocations on the pool
	marksOfSlow  = 3
	runsPerMark  = 32 // of a slow address, at most
	runsOfFast   = 128
	fastRun      = time.Millisecond
	mostFound    = 8
	slowTogether = 4 // addresses within a second: their type is slow
)

func (s *slowness) isAlone() bool { return s.marks == alone }

// mark is told that a run on the worker took some milliseconds. It reports
// whether the address was found slow by it.
func (s *slowness) mark() bool {
	s.marks++
	s.runs++
	if s.marks < marksOfSlow || s.runs > runsPerMark*uint16(s.marks) {
		return false
	}
	s.seclude()
	return true
}

// passed is told of a run on the worker that was not marked, if others were.
func (s *slowness) passed() {
	if s.runs++; s.runs >= runsOfFast {
		*s = slowness{}
	}
}

// seclude sends the address to the pool.
func (s *slowness) seclude() {
	s.marks, s.runs, s.fast = alone, 0, 0
	s.found = min(s.found+1, mostFound)
}

// ran is told of a run on the pool. An address that was found slow again and
// again has to be fast for longer.
func (s *slowness) ran(took time.Duration) {
	if took >= fastRun {
		s.fast = 0
		return
	}
	if s.fast++; s.fast >= runsOfFast<<(s.found-1) {
		s.marks, s.runs = 0, 0
	}
}
