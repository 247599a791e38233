package openfiles

// Places bound how many connections there are at a time. They are safe for concurrent
// use.
type Places struct{ taken chan struct{} }

// New makes so many places.
func New(most int) *Places { return &Places{make(chan struct{}, most)} }

// Take takes a place, if one is free.
func (p *Places) Take() bool {
	select {
	case p.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// Give gives a place back.
func (p *Places) Give() { <-p.taken }

// wait takes a place once one is free, unless stop is closed before.
func (p *Places) wait(stop <-chan struct{}) bool {
	select {
	case p.taken <- struct{}{}:
		return true
	case <-stop:
		return false
	}
}

// filesApart is what is left for files where the limit allows it: the tables keep up
// to 1,000 open.
const filesApart = 2000

// mostPlaces are enough for any process.
const mostPlaces = 1 << 20

// share is how many places each direction has if a process may have so many files open.
func share(limit uint64) int {
	limit = min(limit, 2*mostPlaces+filesApart)
	connections := limit / 2
	if limit > filesApart {
		connections = max(connections, limit-filesApart)
	}
	return int(connections / 2) //nolint:gosec // at most mostPlaces
}

// The limit is one of the process. They are made at its start: a test's bubble would keep
// their channels to itself.
var incoming, outgoing = New(share(limit())), New(share(limit()))

// Incoming are the process's places for connections that it accepts.
func Incoming() *Places { return incoming }

// Outgoing are those for connections that it makes.
func Outgoing() *Places { return outgoing }
