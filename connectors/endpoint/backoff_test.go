package endpoint

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// COMPAT 41: the waits of both profiles, until the budget of the call is spent.
func TestBackoffWaits(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	again := &Failure{Kind: IO, Retry: true}
	for _, c := range []struct {
		b       Backoff
		attempt int
		spent   time.Duration
		f       *Failure
		wait    time.Duration
		ok      bool
	}{
		{Backoff{Profile: Async}, 0, 0, again, 2 * ms, true},
		{Backoff{Profile: Async}, 1, 0, again, 4 * ms, true},
		{Backoff{Profile: Async}, 10, 0, again, 2048 * ms, true},
		{Backoff{Profile: Async}, 15, 0, again, 65536 * ms, true},
		{Backoff{Profile: Async}, 16, 0, again, 0, false}, // 131 s are more than 2 min
		{Backoff{Profile: Async}, 1 << 40, 0, again, 0, false},
		{Backoff{Profile: Async}, -1, -time.Hour, again, 2 * ms, true},
		{Backoff{Profile: OkHTTP}, 0, 0, again, 10 * ms, true},
		{Backoff{Profile: OkHTTP}, 3, 0, again, 80 * ms, true},
		{Backoff{Profile: OkHTTP}, 12, 0, again, 40960 * ms, true},
		{Backoff{Profile: OkHTTP}, 13, 0, again, 0, false},
		{Backoff{Profile: Async, Call: 5 * ms}, 0, 2 * ms, again, 2 * ms, true}, // 1 ms is left for the attempt
		{Backoff{Profile: Async, Call: 5 * ms}, 0, 2*ms + 1, again, 0, false},
		{Backoff{Profile: Async, Call: 5 * ms}, 0, time.Hour, again, 0, false},
		{Backoff{Profile: Async}, 0, 0, &Failure{Kind: Unsendable}, 0, false},
		{Backoff{Profile: Async}, 0, 0, &Failure{Retry: true, RetryAfter: 3 * time.Second}, 3 * time.Second, true},
		{Backoff{Profile: Async}, 11, 0, &Failure{Retry: true, RetryAfter: 3 * time.Second}, 4096 * ms, true},
		{Backoff{Profile: Async}, 0, 0, &Failure{Retry: true, RetryAfter: time.Hour}, 0, false},
	} {
		wait, ok := c.b.Next(c.attempt, c.spent, c.f)
		if wait != c.wait || ok != c.ok {
			t.Errorf("%v attempt %d after %v: got %v, %t; want %v, %t", c.b, c.attempt, c.spent, wait, ok, c.wait, c.ok)
		}
	}
}

// COMPAT 40, 41: a server that fails for a while, and the times at which it sees a call's
// attempts; then one that never answers, and how long the call lasts.
func TestRetriesOverTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		e, _ := bubble(t, Config{Call: 10 * time.Second}, func(w http.ResponseWriter, _ *http.Request) {
			at = append(at, time.Since(start))
			if len(at) <= 4 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			octets(w, "done")
		})
		if got, err := callUntilDone(t, e); got != "done" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		const ms = time.Millisecond
		for i, want := range []time.Duration{0, 2 * ms, 6 * ms, 14 * ms, 30 * ms} {
			if at[i] != want {
				t.Errorf("attempt %d came after %v, want %v", i, at[i], want)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e, _ := bubble(t, Config{Call: 10 * time.Second}, silent)
		took := within(func() {
			if _, err := callUntilDone(t, e); err == nil {
				t.Error("an answer")
			}
		})
		if took != 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// callUntilDone is what an engine does with a Backoff.
func callUntilDone(t *testing.T, e *Endpoint) (string, error) {
	t.Helper()
	start, b := time.Now(), e.Backoff()
	for attempt := 0; ; attempt++ {
		got, err := e.Attempt(t.Context(), Request{Function: "ns/fn", Body: []byte("r"), Spent: time.Since(start)})
		f, failed := errors.AsType[*Failure](err)
		if !failed {
			return string(got), err
		}
		wait, ok := b.Next(attempt, time.Since(start), f)
		if !ok {
			return "", err
		}
		<-time.After(wait)
	}
}
