package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := Latency(t.Context(), startNode, dir, LatencyConfig{Rate: 200, Addresses: 10, Warmup: 20 * time.Millisecond, Duration: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Calls != 40 || r.CallsPerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max {
		t.Errorf("got %+v", r)
	}
	wantEmpty(t, dir)
}

// fakeNode answers as serve does.
func fakeNode(t *testing.T, serve http.HandlerFunc) *caller {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	c, err := newCaller(s.URL, 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.transport.CloseIdleConnections)
	return c
}

func TestCallsAreWhatANodeExpects(t *testing.T) {
	t.Parallel()
	c := fakeNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/bench/call/") || r.URL.RawQuery != "call" ||
			r.Header.Get("Content-Type") != "application/vnd.io.statefun.types/long" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	if _, err := c.measure(t.Context(), 1000, 10*time.Millisecond); err != nil {
		t.Error(err)
	}
}

// A node that stalls once pays for all calls that should have begun meanwhile, not
// for one only.
func TestStallsAreNotOmitted(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	begun, open := atomic.Int64{}, make(chan struct{})
	c := fakeNode(t, func(http.ResponseWriter, *http.Request) {
		if begun.Add(1) == 1 {
			time.AfterFunc(stall, func() { close(open) })
		}
		<-open
	})
	r, err := c.measure(t.Context(), 500, 400*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	// Half of the calls fall into the stall: a quarter waits for half of it or more.
	if r.Max < stall*9/10 || r.P90 < stall/2 {
		t.Errorf("got %+v", r)
	}
}

func TestFailedCallsAreAnError(t *testing.T) {
	t.Parallel()
	n := atomic.Int64{}
	c := fakeNode(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) > 3 {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":"no room"}`)
		}
	})
	_, err := c.measure(t.Context(), 1000, 10*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), `7 of 10 calls failed, the first with: 429 Too Many Requests: {"error":"no room"}`) {
		t.Errorf("got %v", err)
	}
}

func TestLatencyEnds(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	c := fakeNode(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := c.measure(ctx, 1000, time.Minute); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	var samples []time.Duration
	for i := range 2000 {
		samples = append(samples, time.Duration(2000-i))
	}
	d := sorted(samples)
	for perMille, want := range map[int]time.Duration{0: 1, 1: 2, 500: 1000, 990: 1980, 999: 1998, 1000: 2000} {
		if got := d.rank(perMille); got != want {
			t.Errorf("%d: got %d, want %d", perMille, got, want)
		}
	}
	if got := (distribution{}).rank(500); got != 0 {
		t.Errorf("got %v of none", got)
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	sleep(3 * time.Millisecond)
	if took := time.Since(begun); took < 3*time.Millisecond {
		t.Errorf("slept for %v", took)
	}
}
