package endpoint

import "time"

// Backoff is the rule by which a failed attempt is made again: waits that double,
// without jitter, until the budget of the call is spent. It is pure: whoever uses it
// waits.
type Backoff struct {
	// Profile has the first wait: 2 ms for Async, 10 ms for OkHTTP.
	Profile Profile
	// Call is the budget: how long all attempts of a call and the waits between
	// them may take together. Defaults to the profile's call time-out: 2 min or 1 min.
	Call time.Duration
}

// minBudget is what has to be left of the budget for one more attempt.
const minBudget = time.Millisecond

// Next says how long to wait after an attempt failed, before the next one. attempt
// counts from 0: the first wait follows attempt 0. spent is what the call has
// taken until now.
//
// It is not ok to go on if the failure is final for this profile, or if less than
// 1 ms of the budget would be left after the wait. A server's Retry-After makes the
// wait longer, never shorter.
func (b Backoff) Next(attempt int, spent time.Duration, f *Failure) (wait time.Duration, ok bool) {
	d := b.Profile.defaults()
	left := b.Call
	if left <= 0 {
		left = d.call
	}
	left -= max(0, spent)
	if !f.Retry {
		return 0, false
	}
	wait = d.firstWait
	for range max(0, attempt) {
		if wait >= left {
			break
		}
		wait *= 2
	}
	wait = max(wait, f.RetryAfter)
	if left-wait < minBudget {
		return 0, false
	}
	return wait, true
}
