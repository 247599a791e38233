package actors

import (
	"sync/atomic"
	"time"
)

// requestMetrics are of the requests to a function type's server.
type requestMetrics struct {
	inFlight        atomic.Int64
	requestFailures atomic.Uint64
	latency         latencies
	// failing is the first failure since the last success, nil if there was none.
	failing atomic.Pointer[failing]
}

// failing says that no request has succeeded for a while.
type failing struct {
	since time.Time
	last  atomic.Pointer[error]
}

// requestSent is told of an attempt that begins.
func (m *requestMetrics) requestSent() { m.inFlight.Add(1) }

// requestEnded is told how long the attempt took, and why there was no response.
func (m *requestMetrics) requestEnded(now time.Time, took time.Duration, err error) {
	m.inFlight.Add(-1)
	m.latency.add(took)
	if err == nil {
		if m.failing.Load() != nil {
			m.failing.Store(nil)
		}
		return
	}
	m.requestFailures.Add(1)
	f := m.failing.Load()
	if f != nil {
		f.last.Store(&err)
		return
	}
	f = &failing{since: now}
	f.last.Store(&err)
	m.failing.CompareAndSwap(nil, f)
}

// Failing says that no request to a function type's server has succeeded since then,
// and how the last one failed.
type Failing struct {
	Since time.Time
	Err   error
	// Next is when one address may ask again, if the server is away and they take
	// turns; else zero.
	Next time.Time
}

// readFailing returns nil if the last requests have succeeded, or there were none.
func (m *requestMetrics) readFailing() *Failing {
	f := m.failing.Load()
	if f == nil {
		return nil
	}
	return &Failing{Since: f.since, Err: *f.last.Load()}
}
